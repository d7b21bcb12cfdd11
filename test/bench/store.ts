import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Entry } from '../../main/core/election/message.ts';
import type { Persist } from '../../main/core/election/ready.ts';
import { systemClock } from '../../main/node/clock.ts';
import { createLog } from '../../main/node/log.ts';
import { MAX_READ, ReplicaStore, type ReplicaStoreInit } from '../../main/node/store/replica-store.ts';
import { event, someNode } from '../support/builders.ts';
import { figureOf, type Figure } from './figure.ts';
import type { BenchInit } from './places.ts';

const ENTRIES = 100_000;
/** What a busy node orders in one turn of its event loop. */
const PER_TURN = 20;

/** The replica's log on this disk, each commit with its fsync. */
export async function benchStore({ runs, onStep }: BenchInit): Promise<readonly Figure[]> {
  onStep('store');
  const samples: Sample[] = [];
  for (let run = 0; run < runs; run += 1) samples.push(await measure());
  const of = (take: (sample: Sample) => number): number[] => samples.map(take);
  return [
    figureOf(
      `store, ${ENTRIES} entries written, ${PER_TURN} a turn`,
      '/s',
      of(({ written }) => written),
    ),
    figureOf(
      'store, all kept entries read',
      '/s',
      of(({ read }) => read),
    ),
    figureOf(
      'store, opened after a quit',
      'ms',
      of(({ quit }) => quit),
    ),
    figureOf(
      'store, opened with every entry replayed',
      'ms',
      of(({ replayed }) => replayed),
    ),
    figureOf(
      `store, file after ${ENTRIES} entries, compacted`,
      'MB',
      of(({ compacted }) => compacted),
    ),
    figureOf(
      `store, file of ${ENTRIES} entries`,
      'MB',
      of(({ whole }) => whole),
    ),
  ];
}

interface Sample {
  readonly written: number;
  readonly read: number;
  readonly quit: number;
  readonly replayed: number;
  readonly compacted: number;
  readonly whole: number;
}

async function measure(): Promise<Sample> {
  const folder = mkdtempSync(join(tmpdir(), 'skein-bench-store-'));
  try {
    const busy = join(folder, 'busy.sqlite');
    const { store, tookMs } = await filled(busy, {}, PER_TURN);
    await store.close();
    const compacted = store.sizeBytes() / 1e6;
    const { store: started, tookMs: quit } = open(busy, {});
    await started.close();

    const cut = join(folder, 'cut.sqlite');
    const keepAll = { snapshotEvery: 2 * ENTRIES, retain: 2 * ENTRIES };
    const { store: full } = await filled(join(folder, 'full.sqlite'), keepAll, MAX_READ);
    const whole = full.sizeBytes() / 1e6;
    // As a power cut leaves it: closing would write a snapshot, and nothing would be replayed.
    for (const end of ['', '-wal']) cpSync(join(folder, `full.sqlite${end}`), cut + end);
    await full.close();
    const { store: replaying, tookMs: replayed } = open(cut, keepAll);
    const reading = performance.now();
    for (let next = 1; next <= ENTRIES;) next += replaying.read(next, ENTRIES).length;
    const read = perSecond(performance.now() - reading);
    await replaying.close();
    return { written: perSecond(tookMs), read, quit, replayed, compacted, whole };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const perSecond = (tookMs: number): number => (ENTRIES * 1_000) / tookMs;

type Bounds = Pick<ReplicaStoreInit, 'snapshotEvery' | 'retain'>;

interface Timed {
  readonly store: ReplicaStore;
  readonly tookMs: number;
}

function open(path: string, bounds: Bounds): Timed {
  const log = createLog({ level: 'silent', now: () => 0, write: () => undefined });
  const startedAt = performance.now();
  const { store } = ReplicaStore.open({ clock: systemClock, log }, { path, self: someNode, ...bounds });
  return { store, tookMs: performance.now() - startedAt };
}

/** Opens and writes every entry, `perTurn` of them in a write each turn. */
async function filled(path: string, bounds: Bounds, perTurn: number): Promise<Timed> {
  const { store } = open(path, bounds);
  const epoch = { term: 1, masterId: someNode };
  const nothing: Persist = { ballot: null, truncate: null, install: null, append: [], settled: [] };
  await store.write({ ...nothing, ballot: { lives: 1, term: 1, vote: someNode, lineage: epoch } });
  const startedAt = performance.now();
  for (let from = 1; from <= ENTRIES; from += perTurn) {
    const count = Math.min(perTurn, ENTRIES + 1 - from);
    const append = Array.from({ length: count }, (_, at): Entry => ({
      index: from + at,
      at: from + at,
      event: (from + at) % 2 === 1 ? event.nodeStarted() : event.downloadCompleted(from + at),
      epoch,
    }));
    await store.write({ ...nothing, append });
  }
  return { store, tookMs: performance.now() - startedAt };
}
