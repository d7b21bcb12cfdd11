import { Boxes, FolderInput, Search } from 'lucide-react';
import { observer } from 'mobx-react-lite';
import { type ReactElement, useEffect } from 'react';
import { Button } from '../../components/button.tsx';
import { EmptyState, Progress } from '../../components/small.tsx';
import { formatBytes } from '../../lib/format.ts';
import type { ModelStore } from '../../stores/model-store.ts';
import type { ModelRow, NodeDisk } from '../../stores/models/model-rows.ts';
import { models } from '../../strings/models.ts';
import { ImportDialog } from './import-dialog.tsx';
import { ModelView } from './model-view.tsx';

/** How often it is asked again whether models fit, while someone looks. */
const FITS_EVERY_MS = 10_000;

/** All models that the cluster knows, and the disks they lie on. */
export const ModelsView = observer(function ModelsView({
  store,
  rows,
  disks,
  node,
  importing,
  setImporting,
  run,
  chat,
}: {
  readonly store: ModelStore;
  readonly rows: readonly ModelRow[];
  readonly disks: readonly NodeDisk[];
  /** Name of the node that serves this page. */
  readonly node: string | null;
  /** Whether the dialog for a file is open. */
  readonly importing: boolean;
  readonly setImporting: (open: boolean) => void;
  readonly run: (modelId: string) => void;
  /** Opens a chat with a MetaInstance. */
  readonly chat: (id: string) => void;
}): ReactElement {
  useEffect(() => {
    const ask = (): void => void store.refresh().then(() => store.refreshFits());
    ask();
    const timer = setInterval(ask, FITS_EVERY_MS);
    return () => clearInterval(timer);
  }, [store]);
  return (
    <div className="h-full overflow-y-auto">
      <div className="mx-auto flex max-w-5xl flex-col gap-5 px-5 py-5 sm:px-8">
        <header className="flex flex-wrap items-center gap-3">
          <div className="min-w-48 grow">
            <h1 className="text-xl">{models.title}</h1>
            <p className="text-muted">{models.intro}</p>
          </div>
          <label className="flex h-7 w-56 items-center gap-1.5 rounded-md border border-line bg-raised px-2 text-muted">
            <Search size={13} aria-hidden />
            <input
              type="search"
              className="min-w-0 grow bg-transparent text-text placeholder:text-muted"
              aria-label={models.search}
              placeholder={models.search}
              value={store.search}
              onChange={(event) => store.look(event.target.value)}
            />
          </label>
          <Button icon={<FolderInput size={14} aria-hidden />} onClick={() => setImporting(true)}>
            {models.import.open}
          </Button>
        </header>
        <Rows store={store} rows={rows} run={run} chat={chat} />
        {disks.length > 0 && <Disks disks={disks} />}
      </div>
      {importing && <ImportDialog store={store} node={node} close={() => setImporting(false)} run={run} />}
    </div>
  );
});

const Rows = observer(function Rows({
  store,
  rows,
  run,
  chat,
}: Pick<Parameters<typeof ModelsView>[0], 'store' | 'rows' | 'run' | 'chat'>): ReactElement {
  if (store.problem !== null && store.cards.length === 0)
    return <EmptyState title={models.problem}>{store.problem}</EmptyState>;
  if (!store.loaded) return <EmptyState title={models.loading} />;
  if (rows.length === 0)
    return (
      <EmptyState icon={<Boxes size={28} aria-hidden />} title={models.none}>
        {store.search.trim() === '' ? models.noneWhy : models.noneFound(store.search.trim())}
      </EmptyState>
    );
  return (
    <ul className="grid grid-cols-1 gap-3 xl:grid-cols-2">
      {rows.map((row) => {
        const ready = row.runs.find(({ phase }) => phase === 'READY' || phase === 'RUNNING') ?? row.runs[0];
        return (
          <li key={row.card.modelId}>
            <ModelView
              row={row}
              fit={store.fits.get(row.card.modelId)}
              run={() => run(row.card.modelId)}
              chat={ready === undefined ? null : () => chat(ready.id)}
            />
          </li>
        );
      })}
    </ul>
  );
});

function Disks({ disks }: { readonly disks: readonly NodeDisk[] }): ReactElement {
  return (
    <section aria-label={models.disks}>
      <h2 className="pb-2 text-lg">{models.disks}</h2>
      <ul className="grid grid-cols-1 gap-3 sm:grid-cols-2 xl:grid-cols-3">
        {disks.map(({ node, availableBytes, totalBytes }) => {
          const text = models.diskOf(formatBytes(availableBytes), formatBytes(totalBytes));
          return (
            <li key={node} className="flex flex-col gap-2 rounded-lg bg-raised p-3 shadow-card">
              <div className="flex justify-between gap-3">
                <span className="truncate font-medium">{node}</span>
                <span className="shrink-0 text-muted tabular-nums">{text}</span>
              </div>
              <Progress value={totalBytes - availableBytes} max={totalBytes} label={`${node}: ${text}`} />
            </li>
          );
        })}
      </ul>
    </section>
  );
}
