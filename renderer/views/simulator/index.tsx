import { Pause, Play, RotateCcw } from 'lucide-react';
import { observer } from 'mobx-react-lite';
import { useEffect, useMemo, type ReactElement } from 'react';
import type { ViewProps } from '../../view-props.ts';
import { Button } from '../../components/button.tsx';
import { Badge, Field, inputClass, Progress, Segmented } from '../../components/small.tsx';
import { SimulatorStore } from '../../stores/simulator-store.ts';
import { simulator } from '../../strings/simulator.ts';
import { GraphGround } from '../cluster/cluster-graph.tsx';
import { tones } from '../cluster/instance-card.tsx';

const every = (ms: number, call: () => void): (() => void) => {
  const timer = setInterval(call, ms);
  return () => clearInterval(timer);
};

/** Plays a scenario or a random life of a cluster on the graph that shows the real one. */
export default observer(function SimulatorView({ root }: ViewProps): ReactElement {
  const store = useMemo(() => new SimulatorStore({ root, every }), [root]);
  useEffect(() => () => store.stop(), [store]);
  return (
    <div className="h-full overflow-y-auto">
      <div className="mx-auto flex max-w-5xl flex-col gap-4 px-4 py-5 sm:px-6">
        <header>
          <h1 className="text-xl">{simulator.title}</h1>
          <p className="text-muted">{simulator.about}</p>
        </header>
        <Controls store={store} />
        {store.problem !== null && <p className="text-bad">{store.problem}</p>}
        <Stage store={store} />
      </div>
    </div>
  );
});

const Controls = observer(function Controls({ store }: { readonly store: SimulatorStore }): ReactElement {
  const about = store.scenarios.find(({ name }) => name === store.chosen)?.about;
  return (
    <div className="flex flex-col gap-3 rounded-xl border border-line bg-raised p-4">
      <div className="flex flex-wrap items-end gap-3">
        <div className="w-72 max-w-full">
          <Field label={simulator.scenario}>
            <select
              className={inputClass}
              value={store.chosen}
              onChange={(event) => store.set('chosen', event.target.value)}
            >
              <option value="">{simulator.random}</option>
              {store.scenarios.map(({ name }) => (
                <option key={name} value={name}>
                  {name.replaceAll('-', ' ')}
                </option>
              ))}
            </select>
          </Field>
        </div>
        {store.chosen === '' && (
          <>
            <div className="w-28">
              <Field label={simulator.seed}>
                <input
                  inputMode="numeric"
                  className={inputClass}
                  value={store.seed}
                  onChange={(event) => store.set('seed', event.target.value.replace(/\D/g, ''))}
                />
              </Field>
            </div>
            <div className="w-24">
              <Field label={simulator.nodes}>
                <select
                  className={inputClass}
                  value={store.nodes}
                  onChange={(event) => store.set('nodes', Number(event.target.value))}
                >
                  {[2, 3, 4, 5].map((count) => (
                    <option key={count}>{count}</option>
                  ))}
                </select>
              </Field>
            </div>
          </>
        )}
        <Button look="primary" icon={<Play size={14} aria-hidden />} onClick={() => store.play()}>
          {store.began === null ? simulator.play : simulator.again}
        </Button>
        {store.began !== null && store.ended === null && (
          <Button
            icon={store.isPlaying ? <Pause size={14} aria-hidden /> : <RotateCcw size={14} aria-hidden />}
            onClick={() => store.toggle()}
          >
            {store.isPlaying ? simulator.pause : simulator.resume}
          </Button>
        )}
        <Segmented
          label={simulator.speed}
          value={store.speed}
          options={(['1', '5', '20'] as const).map((value) => ({ value, text: simulator.speeds[value] }))}
          onChange={(value) => store.set('speed', value)}
        />
      </div>
      {about !== undefined && <p className="text-muted">{about}</p>}
    </div>
  );
});

const Stage = observer(function Stage({ store }: { readonly store: SimulatorStore }): ReactElement {
  const { began, ended, atMs } = store;
  if (began === null) return <p className="py-10 text-center text-muted">{simulator.choose}</p>;
  return (
    <>
      <div className="flex items-center gap-3">
        <Progress value={atMs} max={began.untilMs} label={simulator.progress} />
        <span className="shrink-0 text-sm text-muted tabular-nums">
          {simulator.time(atMs / 1_000)} {simulator.of(began.untilMs / 1_000)}
        </span>
      </div>
      {ended !== null && (
        <p role="status" className={ended.violations.length === 0 ? 'text-ok' : 'text-bad'}>
          {ended.violations.length === 0 ? simulator.held : simulator.broken(ended.violations.length)}{' '}
          {ended.violations.map(({ rule, message }) => `${rule}: ${message}`).join('; ')}
        </p>
      )}
      <GraphGround graph={store.graph} chosen={[]} now={0} onChoose={() => undefined} />
      <div className="grid gap-4 pb-6 md:grid-cols-[18rem_1fr]">
        <section aria-label={simulator.models} className="flex flex-col gap-2">
          <h2>{simulator.models}</h2>
          {store.rows.map(({ key, title, phase, label, ranks }) => (
            <div key={key} className="rounded-lg border border-line bg-raised px-3 py-2">
              <span className="flex items-center justify-between gap-2">
                <span className="truncate font-medium">{title}</span>
                <Badge tone={tones[phase]}>{label}</Badge>
              </span>
              <span className="text-sm text-muted">{ranks.map(({ node }) => node).join(', ')}</span>
            </div>
          ))}
        </section>
        <section aria-label={simulator.log} className="flex min-w-0 flex-col gap-2">
          <h2>{simulator.log}</h2>
          <ol
            className="h-80 overflow-y-auto rounded-xl border border-line bg-raised p-2 font-mono text-xs"
            tabIndex={0}
          >
            {store.lines.toReversed().map((line, position) => (
              <li key={store.lines.length - position} className="grid grid-cols-[4.5rem_3.5rem_1fr] gap-2">
                <span className="text-right text-muted tabular-nums">
                  {simulator.time(line.atMs / 1_000)}
                </span>
                <span className="truncate text-muted">{line.node}</span>
                <span
                  className={`break-words ${line.kind === 'violation' ? 'text-bad' : line.kind === 'step' ? 'text-accent' : ''}`}
                >
                  {line.text}
                </span>
              </li>
            ))}
          </ol>
        </section>
      </div>
    </>
  );
});
