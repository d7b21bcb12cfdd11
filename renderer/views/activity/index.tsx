import { observer } from 'mobx-react-lite';
import { useEffect, useMemo, type ReactElement } from 'react';
import type { ViewProps } from '../../view-props.ts';
import { Button } from '../../components/button.tsx';
import { Badge, EmptyState, inputClass, Segmented } from '../../components/small.tsx';
import { Ticking } from '../../components/ticking.tsx';
import { values } from '../../../main/core/view.ts';
import { nodeName } from '../../../main/core/view.ts';
import { formatDuration, formatTime } from '../../lib/format.ts';
import { ActivityStore, type Kind } from '../../stores/activity-store.ts';
import { activity } from '../../strings/activity.ts';
import { shell } from '../../strings/shell.ts';

/** What runs now and what happened: all of it, one kind of it, or the story of one model or computer. */
export default observer(function ActivityView({ root }: ViewProps): ReactElement {
  if (!root.cluster.isKnown) return <EmptyState title={shell.connecting} />;
  return (
    <div className="h-full overflow-y-auto">
      <div className="mx-auto flex max-w-5xl flex-col gap-5 px-4 py-5 sm:px-6">
        <h1 className="text-xl">{activity.title}</h1>
        <Running root={root} />
        <History root={root} />
      </div>
    </div>
  );
});

const Running = observer(function Running({ root }: ViewProps): ReactElement {
  const { state } = root.cluster;
  const tasks = values(state.tasks).toSorted((one, other) => one.startedAt - other.startedAt);
  return (
    <section aria-label={activity.now} className="flex flex-col gap-2">
      <h2 className="text-lg">{activity.now}</h2>
      {tasks.length === 0 ? (
        <p className="text-muted">{activity.nothingNow}</p>
      ) : (
        <ul className="divide-y divide-line rounded-xl border border-line bg-raised">
          {tasks.map(({ taskId, metaInstanceId, instanceId, nodeId, startedAt, cancelling }) => (
            <li key={taskId} className="flex items-center gap-3 px-4 py-2">
              <span className="min-w-0 flex-1 truncate">
                {activity.task(metaInstanceId ?? instanceId, nodeName(state, nodeId))}
              </span>
              <span className="text-muted">
                <Ticking>{() => formatDuration(root.now() - startedAt)}</Ticking>
              </span>
              {cancelling === true ? (
                <span className="text-muted">{activity.cancelling}</span>
              ) : (
                <Button onClick={() => void root.ask('ask', { type: 'CancelTask', taskId })}>
                  {activity.cancel}
                </Button>
              )}
            </li>
          ))}
        </ul>
      )}
    </section>
  );
});

const History = observer(function History({ root }: ViewProps): ReactElement {
  const store = useMemo(() => new ActivityStore(root), [root]);
  useEffect(() => () => store.close(), [store]);
  const about = root.ui.route.detail;
  const rows = store.rows(about);
  const kinds = Object.entries(activity.kinds) as [Kind, string][];
  return (
    <section aria-label={activity.history} className="flex flex-col gap-2 pb-6">
      <header className="flex flex-wrap items-center gap-2">
        <h2 className="mr-auto text-lg">{activity.history}</h2>
        <div className="max-w-full overflow-x-auto">
          <Segmented
            label={activity.history}
            value={store.kind}
            options={kinds.map(([value, text]) => ({ value, text }))}
            onChange={(kind) => store.setKind(kind)}
          />
        </div>
        <input
          type="search"
          aria-label={activity.search}
          placeholder={activity.search}
          className={`${inputClass} max-w-44`}
          value={store.search}
          onChange={(event) => store.setSearch(event.target.value)}
        />
      </header>
      {about !== null && (
        <p className="flex items-center gap-2">
          <Badge tone="accent">{activity.story(nameOf(root, about))}</Badge>
          <Button look="quiet" onClick={() => root.ui.show('activity')}>
            {activity.everything}
          </Button>
        </p>
      )}
      <p aria-live="polite" className="text-sm text-muted">
        {store.isLoading && store.entries.length === 0
          ? activity.loading
          : rows.length === 0
            ? activity.none
            : activity.count(rows.length, store.entries.length)}
      </p>
      {rows.length > 0 && (
        <ol className="divide-y divide-line rounded-xl border border-line bg-raised">
          {rows.slice(0, store.shown).map(({ entry, text }) => (
            <li
              key={entry.index}
              className="grid grid-cols-[4.5rem_1fr] gap-3 px-4 py-1.5 [content-visibility:auto] [contain-intrinsic-size:auto_31px] sm:grid-cols-[4.5rem_3.5rem_1fr]"
            >
              <time
                dateTime={new Date(entry.at).toISOString()}
                title={new Date(entry.at).toLocaleString('en')}
                className="text-muted tabular-nums"
              >
                {formatTime(entry.at)}
              </time>
              <span className="hidden text-right text-muted tabular-nums sm:block">{entry.index}</span>
              <span className="min-w-0 break-words select-text">{text}</span>
            </li>
          ))}
        </ol>
      )}
      {rows.length > store.shown || !store.hasAll ? (
        <div>
          <Button disabled={store.isLoading} onClick={() => void store.older(rows.length)}>
            {activity.older}
          </Button>
        </div>
      ) : (
        store.entries[0] !== undefined &&
        store.entries[0].index > 1 && <p className="text-sm text-muted">{activity.oldest}</p>
      )}
    </section>
  );
});

function nameOf({ cluster: { state } }: ViewProps['root'], about: string): string {
  return values(state.nodes).find(({ nodeId }) => nodeId === about)?.name ?? about;
}
