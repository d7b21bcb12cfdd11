import { observer } from 'mobx-react-lite';
import type { ReactElement } from 'react';
import { formatBytes, formatDuration } from '../../lib/format.ts';
import type { Candidates, CreateStore } from '../../stores/create-store.ts';
import { create } from '../../strings/create.ts';

/** Where it would run and what that means, or why nowhere and what would help. */
export const PlacePreview = observer(function PlacePreview({
  store,
}: {
  readonly store: CreateStore;
}): ReactElement {
  return (
    <section
      aria-label={create.preview}
      aria-live="polite"
      className="flex h-fit flex-col gap-3 rounded-xl border border-line bg-raised p-4 md:sticky md:top-0"
    >
      <h3>{create.preview}</h3>
      {store.problem !== null ? (
        <p className="text-bad">{store.problem}</p>
      ) : store.candidates === null ? (
        <p className="text-muted">{create.looking}</p>
      ) : (
        <Found found={store.candidates} isEdit={store.existing !== null} />
      )}
    </section>
  );
});

function Found({ found, isEdit }: { readonly found: Candidates; readonly isEdit: boolean }): ReactElement {
  const [best] = found.candidates;
  const way = found.update === null ? null : <p className="text-muted">{create.ways[found.update.way]}</p>;
  if (best === undefined) {
    return (
      <>
        {way}
        <p className="font-medium">{create.noPlace}</p>
        {found.error !== null && <p>{found.error}</p>}
        {found.changes.length > 0 && (
          <div>
            <p className="text-muted">{create.helps}</p>
            <ul className="list-disc pl-4">
              {found.changes.map((change) => (
                <li key={change}>{change}</li>
              ))}
            </ul>
          </div>
        )}
        {!isEdit && <p className="text-muted">{create.waits}</p>}
      </>
    );
  }
  const { nodes, tokens_per_second, measured, ready_seconds } = best.prediction;
  return (
    <>
      {way}
      <div>
        <p className="font-medium">{create.runsOn(nodes.map(({ name }) => name))}</p>
        <p className="text-muted">
          {create.speed(tokens_per_second, measured)}, {create.ready(formatDuration(ready_seconds * 1_000))}
        </p>
      </div>
      <ul className="flex flex-col gap-3">
        {nodes.map((node) => (
          <li key={node.node_id} className="flex flex-col gap-1">
            <span className="flex justify-between gap-2">
              <span className="truncate">{node.name}</span>
              {nodes.length > 1 && (
                <span className="shrink-0 text-muted">{create.layers(node.start_layer, node.end_layer)}</span>
              )}
            </span>
            <Bar taken={node.shard_bytes} free={node.free_bytes} />
            <span className="text-sm text-muted">
              {create.takes(formatBytes(node.shard_bytes))};{' '}
              {create.freeAfter(
                formatBytes(node.free_bytes),
                formatBytes(Math.max(0, node.free_bytes_after)),
              )}
              {node.missing_bytes > 0 && `; ${create.fetches(formatBytes(node.missing_bytes))}`}
            </span>
          </li>
        ))}
      </ul>
      {found.gives_way.length > 0 && (
        <p className="text-warn">
          {create.givesWay(found.gives_way.map((each) => each.meta_instance_id ?? each.instance_id))}
        </p>
      )}
    </>
  );
}

/** What it takes of what is free. */
function Bar({ taken, free }: { readonly taken: number; readonly free: number }): ReactElement {
  return (
    <span aria-hidden className="flex h-1.5 overflow-hidden rounded-full bg-sunken">
      <span
        className="min-w-0.5 bg-accent"
        style={{ width: `${Math.min(100, (taken / Math.max(1, free)) * 100)}%` }}
      />
    </span>
  );
}
