import { ChevronRight, MessageSquare } from 'lucide-react';
import { observer } from 'mobx-react-lite';
import { useEffect, useRef, useState, type ReactElement } from 'react';
import { Button } from '../../components/button.tsx';
import { Badge, type Tone } from '../../components/small.tsx';
import { Ticking } from '../../components/ticking.tsx';
import type { Ask } from '../../../main/core/contract/ipc.ts';
import type { Phase } from '../../../main/core/phase.ts';
import { formatAgo, formatDuration } from '../../lib/format.ts';
import type { InstanceRow } from '../../stores/cluster/instance-rows.ts';
import type { RootStore } from '../../stores/root-store.ts';
import { hashOf } from '../../stores/ui-store.ts';
import { cluster } from '../../strings/cluster.ts';
import { RankProgress } from './rank-progress.tsx';

export const tones: Readonly<Record<Phase, Tone>> = {
  PLACING: 'accent',
  'PLACEMENT FAILED': 'warn',
  RETRYING: 'warn',
  DOWNLOADING: 'accent',
  LOADING: 'accent',
  'WARMING UP': 'accent',
  READY: 'ok',
  RUNNING: 'ok',
  FAILED: 'bad',
  PAUSED: 'plain',
  IDLE: 'plain',
  DELETING: 'plain',
};

/** One model that should run: its phase, where, how far, what went wrong, what can be done. */
export const InstanceCard = observer(function InstanceCard({
  root,
  row,
}: {
  readonly root: RootStore;
  readonly row: InstanceRow;
}): ReactElement {
  const [open, setOpen] = useState(false);
  const isAsked = root.ui.route.detail === row.key;
  const place = useRef<HTMLElement>(null);
  useEffect(() => {
    if (isAsked) place.current?.scrollIntoView({ block: 'nearest' });
  }, [isAsked]);
  const nodes = row.ranks.map(({ node }) => node);
  const working = row.ranks.filter(({ step }) => step.type !== 'Ready');
  return (
    <article ref={place} aria-label={row.title} className="rounded-xl border border-line bg-raised px-4 py-3">
      <header className="flex flex-wrap items-center gap-x-3 gap-y-1">
        <button
          type="button"
          aria-expanded={open}
          aria-label={cluster.more(row.title)}
          onClick={() => setOpen(!open)}
          className="-ml-1 rounded p-0.5 text-muted hover:text-text"
        >
          <ChevronRight size={15} aria-hidden className={open ? 'rotate-90' : ''} />
        </button>
        <h3 className="min-w-0 truncate">{row.title}</h3>
        <Badge tone={tones[row.phase]}>{row.label}</Badge>
        {row.tasks > 0 && <span className="text-sm text-muted">{cluster.tasks(row.tasks)}</span>}
        <Actions root={root} row={row} />
      </header>
      <p className="pl-5 text-muted">
        {row.modelTitle}
        {nodes.length > 0 && ` · ${cluster.on(nodes)}`}
        {row.ranks.length > 1 && ` · ${row.how}`}
      </p>
      {working.length > 0 && row.phase !== 'DELETING' && (
        <ul className="flex flex-col gap-1.5 pt-2 pl-5">
          {working.map((rank) => (
            <RankProgress key={rank.runnerId} rank={rank} now={root.now()} />
          ))}
        </ul>
      )}
      <Trouble root={root} row={row} />
      {open && <More root={root} row={row} />}
    </article>
  );
});

const Actions = observer(function Actions({
  root,
  row: { metaInstanceId, instanceId, phase, title, key, modelId },
}: {
  readonly root: RootStore;
  readonly row: InstanceRow;
}): ReactElement {
  const say = (type: 'Retry' | 'Pause' | 'Resume' | 'Load'): void => {
    if (metaInstanceId !== null) void root.ask('ask', { type, metaInstanceId });
  };
  const remove = (): void => {
    const wish: Ask | null =
      metaInstanceId !== null
        ? { type: 'Delete', metaInstanceId }
        : instanceId === null
          ? null
          : { type: 'DeleteInstance', instanceId };
    if (wish !== null) root.undo.later(key, cluster.deleting(title), () => root.ask('ask', wish));
  };
  const serves = phase === 'READY' || phase === 'RUNNING' || phase === 'IDLE';
  return (
    <div className="ml-auto flex items-center gap-1">
      {serves && (
        <Button
          look="quiet"
          icon={<MessageSquare size={14} aria-hidden />}
          onClick={() => root.chatWith(metaInstanceId ?? modelId)}
        >
          {cluster.chat}
        </Button>
      )}
      {metaInstanceId !== null && (
        <>
          {(phase === 'FAILED' || phase === 'RETRYING') && (
            <Button look="primary" onClick={() => say('Retry')}>
              {cluster.retry}
            </Button>
          )}
          {phase === 'IDLE' && (
            <Button look="quiet" onClick={() => say('Load')}>
              {cluster.reload}
            </Button>
          )}
          {phase === 'PAUSED' ? (
            <Button look="quiet" onClick={() => say('Resume')}>
              {cluster.resume}
            </Button>
          ) : (
            phase !== 'DELETING' && (
              <Button look="quiet" onClick={() => say('Pause')}>
                {cluster.pause}
              </Button>
            )
          )}
          {phase !== 'DELETING' && (
            <Button look="quiet" onClick={() => root.ui.openDialog({ type: 'Edit', metaInstanceId })}>
              {cluster.edit}
            </Button>
          )}
        </>
      )}
      {phase !== 'DELETING' && (
        <Button look="quiet" className="hover:text-bad" onClick={remove}>
          {cluster.delete}
        </Button>
      )}
    </div>
  );
});

/** Why it does not run, and when it is tried again. */
const Trouble = observer(function Trouble({
  root,
  row: { phase, placement, nextAttemptAt, lastFailure, metaInstanceId },
}: {
  readonly root: RootStore;
  readonly row: InstanceRow;
}): ReactElement | null {
  const retries = nextAttemptAt !== null && phase === 'RETRYING';
  const failed =
    lastFailure !== null && (phase === 'RETRYING' || phase === 'FAILED' || phase === 'PLACEMENT FAILED');
  if (placement === null && !failed && !retries) return null;
  return (
    <div className="mt-2 ml-5 rounded-lg bg-sunken/70 px-3 py-2 select-text">
      {placement !== null && (
        <p>
          {placement}{' '}
          {metaInstanceId !== null && (
            <button
              type="button"
              className="text-accent hover:underline"
              onClick={() => root.ui.openDialog({ type: 'Edit', metaInstanceId })}
            >
              {cluster.whyNot}
            </button>
          )}
        </p>
      )}
      {failed && (
        <>
          <p className="text-sm text-muted">
            {cluster.lastFailure(lastFailure.attempt, formatAgo(lastFailure.at, root.now()))}
            {retries && (
              <>
                {', '}
                <Ticking>
                  {() =>
                    nextAttemptAt > root.now()
                      ? cluster.retryIn(formatDuration(nextAttemptAt - root.now()))
                      : cluster.retryNow
                  }
                </Ticking>
              </>
            )}
          </p>
          <ul>
            {lastFailure.message.split('; ').map((line) => (
              <li key={line} className="break-words">
                {line}
              </li>
            ))}
          </ul>
        </>
      )}
    </div>
  );
});

function More({ root, row }: { readonly root: RootStore; readonly row: InstanceRow }): ReactElement {
  return (
    <div className="mt-3 ml-5 grid gap-4 border-t border-line pt-3 sm:grid-cols-2">
      <div className="flex flex-col gap-2">
        <ul className="flex flex-col gap-1.5">
          {row.ranks.map((rank) => (
            <RankProgress key={rank.runnerId} rank={rank} now={root.now()} whole />
          ))}
        </ul>
        <a className="text-accent hover:underline" href={hashOf({ view: 'activity', detail: row.key })}>
          {cluster.history}
        </a>
      </div>
      {row.conditions.length > 0 && (
        <dl className="grid grid-cols-[auto_1fr] gap-x-3 gap-y-1">
          {row.conditions.map(([type, condition]) => (
            <div key={type} className="col-span-2 grid grid-cols-subgrid">
              <dt className="font-medium">
                {type} <span className="font-normal text-muted">{condition.status}</span>
              </dt>
              <dd className="text-muted">
                {condition.message}{' '}
                <span className="whitespace-nowrap">
                  ({cluster.since(formatAgo(condition.since, root.now()))})
                </span>
              </dd>
            </div>
          ))}
        </dl>
      )}
    </div>
  );
}
