import { Laptop, Link2 } from 'lucide-react';
import { observer } from 'mobx-react-lite';
import { useState, type ReactElement } from 'react';
import type { ViewProps } from '../../view-props.ts';
import { Button } from '../../components/button.tsx';
import { Badge } from '../../components/small.tsx';
import { formatBytes } from '../../lib/format.ts';
import { FirstRunStore, type Offer } from '../../stores/first-run-store.ts';
import { firstRun } from '../../strings/first-run.ts';
import { tones } from '../cluster/instance-card.tsx';
import { RankProgress } from '../cluster/rank-progress.tsx';

/** What Skein is, alone or together, a model that fits, and its way up: under two minutes to the first answer. */
export default observer(function FirstRun({ root }: ViewProps): ReactElement {
  const [store] = useState(() => new FirstRunStore(root));
  return (
    <main aria-label={firstRun.title} className="h-full overflow-y-auto">
      <div className="mx-auto flex min-h-full max-w-xl flex-col justify-center gap-6 px-5 py-10">
        <header className="flex flex-col gap-2 text-center">
          <h1 className="text-2xl tracking-tight">{firstRun.title}</h1>
          <p className="text-lg text-muted">{firstRun.what}</p>
        </header>
        {store.step === 1 && <Together root={root} store={store} />}
        {store.step === 2 && <Pick store={store} />}
        {store.step === 3 && <Watch root={root} store={store} />}
        <footer className="flex items-center justify-between text-muted">
          <span>{firstRun.stepOf(store.step)}</span>
          <Button look="quiet" onClick={() => store.finish()}>
            {firstRun.skip}
          </Button>
        </footer>
      </div>
    </main>
  );
});

interface Props extends ViewProps {
  readonly store: FirstRunStore;
}

const choice =
  'flex flex-1 flex-col items-center gap-1.5 rounded-xl bg-raised px-4 py-6 text-center shadow-card hover:bg-sunken';

const Together = observer(function Together({ root, store }: Props): ReactElement {
  const count = Object.keys(root.cluster.state.nodes).length;
  return (
    <section aria-label={firstRun.together} className="flex flex-col gap-3">
      <h2 className="text-center text-lg">{firstRun.together}</h2>
      <div className="flex flex-col gap-3 sm:flex-row">
        <button type="button" className={choice} onClick={() => void store.toModels()}>
          <Laptop size={22} aria-hidden className="text-accent" />
          <b>{count > 1 ? firstRun.next : firstRun.alone}</b>
          <span className="text-muted">{count > 1 ? firstRun.members(count) : firstRun.aloneWhy}</span>
        </button>
        <button type="button" className={choice} onClick={() => root.ui.openDialog({ type: 'Pair' })}>
          <Link2 size={22} aria-hidden className="text-accent" />
          <b>{firstRun.pair}</b>
          <span className="text-muted">{firstRun.pairWhy}</span>
        </button>
      </div>
    </section>
  );
});

const Pick = observer(function Pick({ store }: { readonly store: FirstRunStore }): ReactElement {
  return (
    <section aria-label={firstRun.pick} className="flex flex-col gap-3">
      <h2 className="text-center text-lg">{firstRun.pick}</h2>
      {store.offers.length === 0 && <p className="text-center text-muted">{firstRun.noModels}</p>}
      <ul className="flex flex-col gap-2">
        {store.offers.map((offer) => (
          <li
            key={offer.card.modelId}
            className="flex items-center gap-3 rounded-xl bg-raised px-4 py-3 shadow-card"
          >
            <div className="min-w-0 flex-1">
              <p className="flex flex-wrap items-center gap-2">
                <b>{offer.card.title}</b>
                {offer.card === store.best && <Badge tone="accent">{firstRun.best}</Badge>}
                {store.runs(offer.card) && <Badge tone="ok">{firstRun.running}</Badge>}
              </p>
              <p className="text-muted">
                {formatBytes(offer.card.weightBytes)} · {fit(offer)}
              </p>
            </div>
            <Button
              look={offer.card === store.best ? 'primary' : 'plain'}
              onClick={() => void store.run(offer.card)}
            >
              {store.runs(offer.card) ? firstRun.next : firstRun.run}
            </Button>
          </li>
        ))}
      </ul>
    </section>
  );
});

function fit({ place }: Offer): string {
  if (place === null) return firstRun.looking;
  const nodes = place.candidates[0]?.prediction.nodes;
  if (nodes === undefined) return place.error ?? firstRun.noFit;
  const free = Math.min(...nodes.map(({ free_bytes_after }) => free_bytes_after));
  return firstRun.fits(nodes.map(({ name }) => name).join(', '), formatBytes(Math.max(0, free)));
}

const Watch = observer(function Watch({ root, store }: Props): ReactElement {
  const row = store.watched;
  const isReady = row?.phase === 'READY' || row?.phase === 'RUNNING';
  const isStuck = row?.phase === 'FAILED' || row?.phase === 'PLACEMENT FAILED';
  return (
    <section
      aria-label={firstRun.watch}
      className="flex flex-col gap-3 rounded-xl bg-raised px-5 py-4 shadow-card"
    >
      <h2 className="flex items-center gap-2 text-lg" role="status">
        {isReady ? firstRun.ready : firstRun.watch}
        {row !== undefined && <Badge tone={tones[row.phase]}>{row.label}</Badge>}
      </h2>
      <ul className="flex flex-col gap-2">
        {row?.ranks.map((rank) => (
          <RankProgress key={rank.runnerId} rank={rank} now={root.now()} />
        ))}
      </ul>
      <div>
        {isReady && (
          <Button
            look="primary"
            onClick={() => {
              store.finish();
              root.chatWith(row.metaInstanceId ?? row.modelId);
            }}
          >
            {firstRun.chat}
          </Button>
        )}
        {isStuck && (
          <Button
            onClick={() => {
              store.finish();
              root.ui.show('cluster');
            }}
          >
            {firstRun.trouble}
          </Button>
        )}
      </div>
    </section>
  );
});
