import { observer } from 'mobx-react-lite';
import { useState, type ReactElement } from 'react';
import { Field, inputClass, Segmented } from '../../components/small.tsx';
import { formatBytes } from '../../lib/format.ts';
import { graphOf } from '../../stores/cluster/graph.ts';
import type { CreateStore } from '../../stores/create-store.ts';
import type { RootStore } from '../../stores/root-store.ts';
import { create } from '../../strings/create.ts';
import { GraphGround } from '../cluster/cluster-graph.tsx';

interface Props {
  readonly root: RootStore;
  readonly store: CreateStore;
}

/** What is wanted. */
export const SpecForm = observer(function SpecForm({ root, store }: Props): ReactElement {
  return (
    <div className="flex min-w-0 flex-col gap-5">
      <ModelPicker root={root} store={store} />
      {store.existing === null && (
        <Field label={create.name} hint={create.nameHint} problem={store.fields['name']}>
          <input
            className={inputClass}
            value={store.draft.name}
            autoComplete="off"
            spellCheck={false}
            onChange={(event) => store.change({ name: event.target.value })}
          />
        </Field>
      )}
      <Nodes root={root} store={store} />
      <Split root={root} store={store} />
      <More root={root} store={store} />
    </div>
  );
});

const ModelPicker = observer(function ModelPicker({ root, store }: Props): ReactElement {
  const [search, setSearch] = useState('');
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const cards = root.models.cards.filter(({ modelId, title }) =>
    words.every((word) => `${modelId} ${title}`.toLowerCase().includes(word)),
  );
  return (
    <fieldset className="flex flex-col gap-1.5">
      <legend className="pb-1 font-medium">{create.model}</legend>
      {root.models.cards.length > 5 && (
        <input
          type="search"
          aria-label={create.search}
          placeholder={create.search}
          className={inputClass}
          value={search}
          onChange={(event) => setSearch(event.target.value)}
        />
      )}
      <div
        role="radiogroup"
        aria-label={create.model}
        className="flex max-h-44 flex-col gap-1 overflow-y-auto p-0.5"
      >
        {cards.map((card) => {
          const isChosen = card.modelId === store.draft.modelId;
          return (
            <button
              key={card.modelId}
              type="button"
              role="radio"
              aria-checked={isChosen}
              onClick={() => store.change({ modelId: card.modelId })}
              className={`flex items-baseline justify-between gap-3 rounded-md px-2.5 py-1.5 text-left ${
                isChosen ? 'bg-accent/12 outline outline-accent' : 'bg-raised shadow-card'
              }`}
            >
              <span className="truncate">{card.title}</span>
              <span className="shrink-0 text-sm text-muted">
                {card.quantization} · {formatBytes(card.weightBytes)}
              </span>
            </button>
          );
        })}
        {cards.length === 0 && <p className="text-muted">{create.noModels}</p>}
      </div>
    </fieldset>
  );
});

const Nodes = observer(function Nodes({ root, store }: Props): ReactElement | null {
  const graph = graphOf(root.cluster.state, root.cluster.telemetry, root.connection.hello?.nodeId);
  if (graph.nodes.length < 2) return null;
  const { nodeIds, minNodes, placement } = store.draft;
  const names = graph.nodes.filter(({ nodeId }) => nodeIds.includes(nodeId)).map(({ name }) => name);
  return (
    <fieldset className="flex flex-col gap-2">
      <legend className="pb-1 font-medium">{create.nodes}</legend>
      <GraphGround
        graph={graph}
        chosen={nodeIds}
        now={root.now()}
        compact
        onChoose={(nodeId) => store.toggleNode(nodeId)}
      />
      <p className="text-sm text-muted">
        {names.length === 0 ? create.anyNodesHint : create.chosenNodes(names)}
      </p>
      <div className="flex flex-wrap items-center gap-x-5 gap-y-2">
        <label className="flex items-center gap-2">
          <span className="whitespace-nowrap">{create.minNodes}</span>
          <select
            className={`${inputClass} w-auto`}
            value={minNodes}
            onChange={(event) => store.change({ minNodes: Number(event.target.value) })}
          >
            {graph.nodes.map((_, position) => (
              <option key={position} value={position + 1}>
                {create.computers(position + 1)}
              </option>
            ))}
            {minNodes > graph.nodes.length && <option value={minNodes}>{create.computers(minNodes)}</option>}
          </select>
        </label>
        <span className="flex items-center gap-2">
          <span>{create.placement}</span>
          <Segmented
            label={create.placement}
            value={placement}
            options={[
              { value: 'smallest', text: create.smallest },
              { value: 'fastest', text: create.fastest },
            ]}
            onChange={(value) => store.change({ placement: value })}
          />
        </span>
      </div>
    </fieldset>
  );
});

const Split = observer(function Split({ root, store }: Props): ReactElement | null {
  if (Object.keys(root.cluster.state.nodes).length < 2 && store.draft.minNodes === 1) return null;
  const { sharding, interconnect } = store.draft;
  const tensor = store.card?.shardings.includes('Tensor') === true;
  const rdma = root.cluster.telemetry?.links.some(({ rdmaDevice }) => rdmaDevice !== undefined) === true;
  return (
    <div className="flex flex-col gap-2">
      <div className="flex flex-wrap gap-x-5 gap-y-2">
        <span className="flex items-center gap-2">
          <span>{create.sharding}</span>
          <Segmented
            label={create.sharding}
            value={sharding}
            options={[
              { value: 'Pipeline', text: create.pipeline },
              {
                value: 'Tensor',
                text: create.tensor,
                disabled: !tensor,
                title: tensor ? undefined : create.tensorNot,
              },
            ]}
            onChange={(value) => store.change({ sharding: value })}
          />
        </span>
        <span className="flex items-center gap-2">
          <span>{create.interconnect}</span>
          <Segmented
            label={create.interconnect}
            value={interconnect}
            options={[
              { value: 'MlxRing', text: create.ring },
              {
                value: 'MlxJaccl',
                text: create.jaccl,
                disabled: !rdma && interconnect !== 'MlxJaccl',
                title: rdma ? undefined : create.jacclNot,
              },
            ]}
            onChange={(value) => store.change({ interconnect: value })}
          />
        </span>
      </div>
      {!rdma && <p className="text-sm text-muted">{create.jacclNot}</p>}
    </div>
  );
});

const More = observer(function More({ store }: Props): ReactElement {
  const { contextLength, priority, preempt, idleMinutes } = store.draft;
  return (
    <details>
      <summary className="font-medium text-muted hover:text-text">{create.advanced}</summary>
      <div className="grid gap-4 pt-3 sm:grid-cols-2">
        <Field label={create.context} hint={create.contextHint} problem={store.fields['contextLength']}>
          <input
            inputMode="numeric"
            className={inputClass}
            value={contextLength}
            onChange={(event) => store.change({ contextLength: event.target.value })}
          />
        </Field>
        <Field
          label={create.idleUnload}
          hint={create.idleUnloadHint}
          problem={store.fields['idleUnloadSeconds']}
        >
          <input
            inputMode="decimal"
            className={inputClass}
            value={idleMinutes}
            onChange={(event) => store.change({ idleMinutes: event.target.value })}
          />
        </Field>
        <Field label={create.priority} hint={create.priorityHint} problem={store.fields['priority']}>
          <input
            inputMode="numeric"
            className={inputClass}
            value={priority}
            onChange={(event) => store.change({ priority: event.target.value })}
          />
        </Field>
        <label className="flex items-start gap-2 sm:pt-6">
          <input
            type="checkbox"
            checked={preempt}
            onChange={(event) => store.change({ preempt: event.target.checked })}
            className="mt-0.5 accent-accent"
          />
          <span>{create.preempt}</span>
        </label>
      </div>
    </details>
  );
});
