import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { apply } from '../../../main/core/apply/index.ts';
import type { Entry } from '../../../main/core/election/message.ts';
import type { Persist } from '../../../main/core/election/ready.ts';
import { emptyState } from '../../../main/core/state.ts';
import { openDatabase, type Database } from '../../../main/node/store/sqlite.ts';
import { someNode } from '../../support/builders.ts';
import { entryAt } from '../../compliance/replica-store.suite.ts';
import { FILE, openStore, temporaryFolder } from './support.ts';

const nothing: Persist = { ballot: null, truncate: null, install: null, append: [], settled: [] };
const epoch = (term: number): Entry['epoch'] => entryAt(1, term).epoch;
const ballot = (term: number): NonNullable<Persist['ballot']> => ({
  lives: 3,
  term,
  vote: someNode,
  lineage: epoch(term),
});
const range = (from: number, count: number, term = 1): Entry[] =>
  Array.from({ length: count }, (_, at) => entryAt(from + at, term));
const stateAfter = (entries: readonly Entry[]): typeof emptyState =>
  entries.reduce((state, { epoch: _epoch, command: _command, ...each }) => apply(state, each), emptyState);

/** A closed store of `count` entries of term 7. */
async function written(count: number): Promise<string> {
  const folder = temporaryFolder();
  const { store } = openStore(folder, { snapshotEvery: 10_000 });
  await store.write({ ...nothing, ballot: ballot(7), append: range(1, count, 7) });
  const left = temporaryFolder();
  cpSync(folder, left, { recursive: true });
  await store.close();
  return left;
}

function sql(folder: string, change: (database: Database) => void): void {
  const database = openDatabase(join(folder, FILE), 0);
  change(database);
  database.close();
}

describe('after damage', () => {
  test('the newest entry is lost → damaged, no vote, until a ballot is written; over restarts too', async () => {
    const folder = await written(9);
    sql(folder, (database) => database.exec('UPDATE entries SET checksum = 1 WHERE idx = 9'));
    const once = openStore(folder);
    expect([once.persisted.damaged, once.persisted.ballot.vote, once.persisted.log.last]).toEqual([
      true,
      null,
      8,
    ]);
    await once.store.close();
    const twice = openStore(folder);
    expect([twice.persisted.damaged, twice.notices]).toEqual([true, []]);
    await twice.store.write({ ...nothing, ballot: ballot(1_007) });
    expect(twice.store.persisted.damaged).toBe(false);
    await twice.store.close();
    const last = openStore(folder);
    expect([last.persisted.damaged, last.persisted.ballot]).toEqual([false, ballot(1_007)]);
    await last.store.close();
  });

  test('entries alone, without a ballot, do not make it trusted again', async () => {
    const folder = await written(9);
    sql(folder, (database) => database.exec('UPDATE entries SET checksum = 1 WHERE idx = 9'));
    const { store } = openStore(folder);
    await store.write({ ...nothing, append: range(9, 1, 8) });
    expect(store.persisted.damaged).toBe(true);
    await store.close();
  });

  test('the ballot is lost → damaged, its term bounded by the newest entry, every entry kept', async () => {
    const folder = await written(9);
    sql(folder, (database) => database.exec(`UPDATE meta SET checksum = 1 WHERE name = 'ballot'`));
    const { store, persisted, state, notices } = openStore(folder);
    expect([persisted.damaged, persisted.ballot, state]).toEqual([
      true,
      { lives: 0, term: 7, vote: null, lineage: null },
      stateAfter(range(1, 9, 7)),
    ]);
    expect(notices).toEqual([expect.stringMatching(/the record of this node's votes was damaged/)]);
    await store.close();
  });

  test('the commands of lost entries → a tail that is submitted again', async () => {
    const folder = await written(9);
    sql(folder, (database) => database.exec('UPDATE entries SET checksum = 1 WHERE idx = 5'));
    const { store, persisted, notices } = openStore(folder);
    const commands = range(1, 9, 7)
      .slice(4)
      .flatMap(({ command }) => command ?? []);
    expect([persisted.log.last, persisted.tails]).toEqual([
      4,
      [{ tailId: 'salvaged:5-9', waiting: commands }],
    ]);
    expect(notices.join(' ')).toMatch(/the events of 2 commands are lost; .* submitted again/);
    await store.close();
  });

  test('no byte of it is left → empty and damaged, so that it votes for nobody at once', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, FILE), Buffer.alloc(9_000, 7));
    const { store, persisted, state } = openStore(folder);
    expect([persisted.damaged, state]).toEqual([true, emptyState]);
    await store.close();
  });
});

describe('group commit', () => {
  /** A copy of the files as SIGKILL leaves them. */
  const killed = (folder: string): string => {
    const copy = temporaryFolder();
    cpSync(folder, copy, { recursive: true });
    return copy;
  };
  const walBytes = (folder: string): number =>
    statSync(join(folder, `${FILE}-wal`), { throwIfNoEntry: false })?.size ?? 0;

  test('writes of one turn share a commit: nothing of them, then all of them', async () => {
    const folder = temporaryFolder();
    const { store } = openStore(folder);
    await store.write({ ...nothing, ballot: ballot(1) });
    const before = walBytes(folder);
    const told: number[] = [];
    const writes = range(1, 50).map((entry) =>
      store.write({ ...nothing, append: [entry] }).then(({ state }) => told.push(state.lastIndex)),
    );
    expect(walBytes(folder)).toBe(before);
    await Promise.all(writes);
    expect(told).toEqual(Array.from({ length: 50 }, (_, at) => at + 1));
    // Fifty commits would each write at least one page of their own.
    expect(walBytes(folder) - before).toBeLessThan(50 * 4_096);
    const { store: found, state } = openStore(killed(folder));
    expect(state.lastIndex).toBe(50);
    await Promise.all([store.close(), found.close()]);
  });

  test('more entries than may wait → committed before the turn ends', async () => {
    const folder = temporaryFolder();
    const { store } = openStore(folder, { maxPending: 10 });
    await store.write({ ...nothing, ballot: ballot(1) });
    const writes = range(1, 11).map((entry) => store.write({ ...nothing, append: [entry] }));
    expect(store.state.lastIndex).toBe(11);
    await Promise.all(writes);
    await store.close();
  });

  test('one write of a turn can not be taken → none is, each is told why, and the file holds what it held', async () => {
    const folder = temporaryFolder();
    const { store } = openStore(folder);
    await store.write({ ...nothing, ballot: ballot(1), append: range(1, 3) });
    const results = await Promise.allSettled([
      store.write({ ...nothing, append: range(4, 1) }),
      store.write({ ...nothing, append: range(9, 1) }),
    ]);
    expect(results.map((each) => each.status === 'rejected' && (each.reason as Error).name)).toEqual([
      'StoreBrokenError',
      'StoreBrokenError',
    ]);
    await store.close();
    const { store: again, state, notices } = openStore(folder);
    expect([state.lastIndex, notices]).toEqual([3, []]);
    await again.close();
  });
});

describe('a snapshot while the log changes', () => {
  test('compaction keeps what peers may ask for; older commands outlive their entries', async () => {
    const told: { readonly base: number; readonly snapshot: number }[] = [];
    const folder = temporaryFolder();
    const { store } = openStore(folder, {
      snapshotEvery: 20,
      retain: 30,
      onCompacted: (compacted) => told.push(compacted),
    });
    await store.write({ ...nothing, ballot: ballot(1) });
    for (let from = 1; from <= 200; from += 10) {
      await store.write({ ...nothing, append: range(from, 10) });
      while (told.length < Math.floor((from + 9) / 20)) await new Promise((done) => setImmediate(done));
    }
    expect(told.at(-1)).toEqual({ base: 160, snapshot: 200 });
    expect(store.snapshotAt(160)).toEqual(stateAfter(range(1, 160)));
    expect(store.snapshotAt(140)).toBeNull();
    const { persisted } = store;
    await store.close();
    const again = openStore(folder);
    expect([again.persisted, again.state]).toEqual([persisted, stateAfter(range(1, 200))]);
    expect(again.store.read(1, 200)).toEqual(range(161, 40));
    await again.store.close();
  });
});

// Needs a file system of its own, which only root may mount, and this call only on Linux.
const mayMount = process.platform === 'linux' && canMount();
function canMount(): boolean {
  if (process.getuid?.() !== 0) return false;
  try {
    execFileSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'none', '/mnt'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

describe('a disk that is really full', () => {
  test.skipIf(!mayMount)(
    'every write after is refused with one clear error, and nothing confirmed is lost',
    async () => {
      const folder = temporaryFolder();
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'none', folder]);
      onTestFinished(() => void execFileSync('umount', [folder]));
      const { store } = openStore(folder, { snapshotEvery: 100_000 });
      await store.write({ ...nothing, ballot: ballot(1) });
      let confirmed = 0;
      let problem: unknown;
      while (problem === undefined && confirmed < 20_000) {
        await store.write({ ...nothing, append: range(confirmed + 1, 50) }).then(
          ({ state }) => (confirmed = state.lastIndex),
          (error: unknown) => (problem = error),
        );
      }
      expect(problem).toMatchObject({
        name: 'StoreBrokenError',
        message: expect.stringMatching(
          /no room left for the event log .* Free some disk space, then start Skein again/,
        ) as string,
      });
      await expect(store.write({ ...nothing, append: range(confirmed + 1, 1) })).rejects.toMatchObject({
        code: 'Broken',
      });
      await store.close();
      await store.close();

      const roomy = temporaryFolder();
      cpSync(folder, roomy, { recursive: true });
      const { store: again, state, persisted } = openStore(roomy);
      expect(state).toEqual(stateAfter(range(1, state.lastIndex)));
      expect([state.lastIndex >= confirmed, persisted.damaged]).toEqual([true, false]);
      await again.close();
    },
  );

  test.skipIf(!mayMount)('full at the start → Full, and no file was changed', () => {
    const folder = temporaryFolder();
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'none', folder]);
    onTestFinished(() => void execFileSync('umount', [folder]));
    const filler = join(folder, 'filler');
    writeFileSync(filler, Buffer.alloc(60 * 1024));
    expect(() => openStore(folder)).toThrow(expect.objectContaining({ code: 'Full' }));
    rmSync(filler);
    expect(existsSync(join(folder, `${FILE}.salvaged`))).toBe(false);
  });
});
