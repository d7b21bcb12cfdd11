import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Event, IndexedEvent } from '../../../main/core/event.ts';
import { createLog } from '../../../main/node/log.ts';
import { LoneLog, type LoneLogInit, type OpenedLog } from './lone-log.ts';
import {
  ReplicaStore,
  type OpenedStore,
  type ReplicaStoreInit,
} from '../../../main/node/store/replica-store.ts';
import { event, indexed, someNode } from '../../support/builders.ts';
import { FakeClock } from '../../support/fake-clock.ts';

export const FILE = 'events.sqlite';

/** A folder of its own for the running test, removed after it. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'skein-store-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export const silentLog = createLog({ level: 'silent', now: () => 0, write: () => undefined });

/** Opens the log of a folder; the caller closes it. */
export function openLog(folder: string, init: Partial<LoneLogInit> = {}): OpenedLog {
  return LoneLog.open(
    { clock: new FakeClock(), log: silentLog },
    { path: join(folder, FILE), self: someNode, ...init },
  );
}

/** Opens the replica store of a folder; the caller closes it. */
export function openStore(folder: string, init: Partial<ReplicaStoreInit> = {}): OpenedStore {
  return ReplicaStore.open(
    { clock: new FakeClock(), log: silentLog },
    { path: join(folder, FILE), self: someNode, ...init },
  );
}

/** `count` events as a busy node writes them: one model, then tasks that come and go. */
export function history(count: number): IndexedEvent[] {
  const events: Event[] = [
    event.nodeStarted(),
    event.metaInstanceCreated('starter'),
    event.instanceCreated('starter'),
    event.runnerStatusChanged('starter', { type: 'Ready' }),
  ];
  for (let task = 0; events.length < count; task += 1) {
    events.push(event.taskStarted('starter', `task-${task}`), event.taskEnded(`task-${task}`));
  }
  return indexed(events.slice(0, count));
}

/** Writes `entries` in batches of `batch`, one commit each, and closes. */
export async function write(
  folder: string,
  entries: readonly IndexedEvent[],
  init: Partial<LoneLogInit> & { readonly batch?: number } = {},
): Promise<void> {
  const { batch = 500, ...rest } = init;
  const { log } = openLog(folder, rest);
  for (let start = 0; start < entries.length; start += batch)
    await log.append(entries.slice(start, start + batch));
  await log.close();
}
