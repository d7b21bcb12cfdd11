import fc from 'fast-check';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { apply } from '../../../main/core/apply/index.ts';
import type { Event, IndexedEvent } from '../../../main/core/event.ts';
import { emptyState, type ClusterState } from '../../../main/core/state.ts';
import { event, indexed } from '../../support/builders.ts';
import { FILE, history, openLog, temporaryFolder, write } from './support.ts';

const fold = (entries: readonly IndexedEvent[], from: ClusterState = emptyState): ClusterState =>
  entries.reduce((state, entry) => apply(state, entry), from);

describe('what is appended is there after a restart', () => {
  test('an empty folder → an empty log, nothing to say', async () => {
    const { log, state, notices } = openLog(temporaryFolder());
    expect({ state, notices, last: log.lastIndex }).toEqual({
      state: emptyState,
      notices: [],
      last: 0,
    });
    await log.close();
  });

  test('events appended and closed → the same state and events', async () => {
    const folder = temporaryFolder();
    const entries = history(50);
    await write(folder, entries);
    const { log, state, notices } = openLog(folder);
    expect({ state, notices, read: log.read(0, 1_000) }).toEqual({
      state: fold(entries),
      notices: [],
      read: entries,
    });
    await log.close();
  });

  test('a second part appended after a restart → one log', async () => {
    const folder = temporaryFolder();
    const entries = history(30);
    await write(folder, entries.slice(0, 11));
    await write(folder, entries.slice(11));
    const { log, state } = openLog(folder);
    expect([log.read(0, 100), state]).toEqual([entries, fold(entries)]);
    await log.close();
  });

  test('read(after, limit) → only events after it, oldest first, at most limit', async () => {
    const { log } = openLog(temporaryFolder());
    const entries = history(20);
    await log.append(entries);
    expect(log.read(5, 3)).toEqual(entries.slice(5, 8));
    expect(log.read(20, 3)).toEqual([]);
    expect(log.read(0, 0)).toEqual([]);
    await log.close();
  });

  test('text that is hard for databases survives', async () => {
    const folder = temporaryFolder();
    const entries = indexed([event.nodeStarted('a\u0000b \ud800 ☃ "quoted" \n')]);
    await write(folder, entries);
    const { log } = openLog(folder);
    expect(log.read(0, 1)).toEqual(entries);
    await log.close();
  });
});

describe('append', () => {
  test('a gap in the indexes → rejected, nothing taken, the log goes on', async () => {
    const { log } = openLog(temporaryFolder());
    const entries = history(6);
    await log.append(entries.slice(0, 2));
    await expect(log.append(entries.slice(3))).rejects.toThrow(/gap/);
    await log.append(entries.slice(2));
    expect(log.read(0, 10)).toEqual(entries);
    await log.close();
  });

  test('no room → rejected as Broken, what was confirmed stays, every later append is rejected', async () => {
    const folder = temporaryFolder();
    const entries = history(4_000);
    const { log } = openLog(folder, { maxBytes: 256 * 1024 });
    let confirmed = 0;
    let problem: unknown;
    while (confirmed < entries.length && problem === undefined) {
      await log.append(entries.slice(confirmed, confirmed + 100)).then(
        () => (confirmed += 100),
        (error: unknown) => (problem = error),
      );
    }
    expect(problem).toMatchObject({
      name: 'StoreBrokenError',
      message: expect.stringContaining('no room') as string,
    });
    expect(log.failure?.code).toBe('Full');
    await expect(log.append(entries.slice(confirmed, confirmed + 1))).rejects.toMatchObject({
      code: 'Broken',
    });
    expect(log.lastIndex).toBe(confirmed);
    await log.close();

    const again = openLog(folder);
    expect([again.log.read(0, 10_000), again.notices]).toEqual([entries.slice(0, confirmed), []]);
    await again.log.close();
  });

  test('closing writes what waits; later calls are refused; closing twice is fine', async () => {
    const folder = temporaryFolder();
    const { log } = openLog(folder);
    const entries = history(3);
    const appended = log.append(entries);
    await log.close();
    await appended;
    await log.close();
    await expect(log.append(indexed([event.nodeStarted()], 4))).rejects.toMatchObject({ code: 'Closed' });
    expect(() => log.read(0, 1)).toThrow(/closed/);
    const again = openLog(folder);
    expect(again.state).toEqual(fold(entries));
    await again.log.close();
  });
});

describe('snapshots and compaction', () => {
  test('snapshot plus tail equals the full replay, for any history and any cut into commits and sessions', async () => {
    const step = fc.oneof(
      fc.record({
        type: fc.constant('node' as const),
        name: fc.string({ minLength: 1, maxLength: 20, unit: 'binary' }),
      }),
      fc.record({ type: fc.constant('create' as const), name: fc.constantFrom('a', 'b', 'c') }),
      fc.record({ type: fc.constant('delete' as const), name: fc.constantFrom('a', 'b', 'c') }),
      fc.record({ type: fc.constant('download' as const), bytes: fc.nat() }),
      fc.record({ type: fc.constant('commit' as const) }),
      fc.record({ type: fc.constant('restart' as const) }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 60 }),
        fc.integer({ min: 1, max: 12 }),
        async (steps, every) => {
          const folder = join(temporaryFolder(), 'log');
          mkdirSync(folder);
          const init = { snapshotEvery: every, retain: 5 };
          const created = new Set<string>();
          let expected = emptyState;
          let batch: IndexedEvent[] = [];
          let { log } = openLog(folder, init);
          const add = (happened: Event): void => {
            const [entry] = indexed([happened], expected.lastIndex + 1);
            expected = apply(expected, entry!);
            batch.push(entry!);
          };
          add(event.nodeStarted());
          for (const next of steps) {
            if (next.type === 'node') add(event.nodeStarted(next.name));
            else if (next.type === 'download') add(event.downloadCompleted(next.bytes));
            else if (next.type === 'create' && !created.has(next.name)) {
              created.add(next.name);
              add(event.metaInstanceCreated(next.name));
            } else if (next.type === 'delete' && created.delete(next.name)) {
              add(event.metaInstanceDeleting(next.name));
              add(event.metaInstanceDeleted(next.name));
            } else if (next.type === 'commit' || next.type === 'restart') {
              await log.append(batch);
              batch = [];
              if (next.type === 'restart') {
                await log.close();
                const opened = openLog(folder, init);
                expect([opened.state, opened.notices]).toEqual([expected, []]);
                log = opened.log;
              }
            }
          }
          await log.append(batch);
          await log.close();
          const { state, notices, log: last } = openLog(folder, init);
          await last.close();
          expect([state, notices]).toEqual([expected, []]);
        },
      ),
      { numRuns: 40, seed: 4 },
    );
  });
});

describe('what an open refuses leaves the files alone', () => {
  test('the file is open elsewhere → Locked', async () => {
    const folder = temporaryFolder();
    const { log } = openLog(folder);
    expect(() => openLog(folder)).toThrow(expect.objectContaining({ code: 'Locked' }));
    await log.append(history(3));
    await log.close();
    const again = openLog(folder);
    expect(again.log.lastIndex).toBe(3);
    await again.log.close();
  });

  test('a folder where the file should be → NotAFile', () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, FILE));
    expect(() => openLog(folder)).toThrow(expect.objectContaining({ code: 'NotAFile' }));
  });

  test('no such folder → NotWritable', () => {
    expect(() => openLog('/proc/skein-is-not-here')).toThrow(
      expect.objectContaining({ code: 'NotWritable' }),
    );
  });
});
