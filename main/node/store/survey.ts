import { apply } from '../../core/apply/index.ts';
import { IndexedEvent } from '../../core/event.ts';
import { ClusterState, emptyState } from '../../core/state.ts';
import type { Rows } from './rows.ts';

/** Indexes `first` to `last`, both included, whose rows all pass their checksums. */
interface Run {
  readonly first: number;
  readonly last: number;
}

/** What can be used of a log's rows, and what is wrong with the rest. */
export interface Survey {
  /** The fold up to `state.lastIndex`, the largest index that can be reached. */
  readonly state: ClusterState;
  /** Events after the snapshot that `state` was built from, oldest first. */
  readonly entries: readonly IndexedEvent[];
  /** The stored events that lead up to `state.lastIndex` without a gap; undefined = none. */
  readonly kept: Run | undefined;
  /** Snapshots that fail their checksum or their schema. */
  readonly badSnapshots: readonly number[];
  /** Undefined = every event is sound. `tail` says that only the very last event is bad. */
  readonly damage: { readonly message: string; readonly tail: boolean } | undefined;
}

const END = Number.MAX_SAFE_INTEGER;

/** Reads all rows. Never throws for damage: it is what this looks for. */
export function survey(rows: Rows): Survey {
  const events = surveyEvents(rows);
  const snapshots = surveySnapshots(rows);
  const endFrom = (index: number): number =>
    events.runs.find((run) => run.first <= index + 1 && index + 1 <= run.last)?.last ?? index;

  let base: ClusterState = emptyState;
  for (const state of snapshots.sound) {
    if (endFrom(state.lastIndex) > endFrom(base.lastIndex)) base = state;
    else if (endFrom(state.lastIndex) === endFrom(base.lastIndex) && state.lastIndex > base.lastIndex)
      base = state;
  }
  const replayed = replay(rows, base, endFrom(base.lastIndex));
  const end = replayed.state.lastIndex;
  const run = events.runs.find(({ first, last }) => first <= end && end <= last);
  const kept = run && { first: run.first, last: end };
  const newest = Math.max(events.newest, ...snapshots.sound.map((state) => state.lastIndex));
  const message =
    events.problem ??
    replayed.problem ??
    (events.runs.length > 0 && kept === undefined
      ? `the stored events do not lead up to index ${end}`
      : undefined) ??
    (end < newest ? `events after ${end} can't be reached` : undefined);
  return {
    state: replayed.state,
    entries: replayed.entries,
    kept,
    badSnapshots: snapshots.bad,
    damage: message === undefined ? undefined : { message, tail: end === newest - 1 && events.readable },
  };
}

/** The runs of sound events, from below and, where a page can't be read, from above. */
function surveyEvents(rows: Rows): {
  readonly runs: readonly Run[];
  readonly newest: number;
  readonly readable: boolean;
  readonly problem: string | undefined;
} {
  const sound: Run[] = [];
  let problem: string | undefined;
  let newest = 0;
  const scan = (order: 'ASC' | 'DESC', from: number): boolean => {
    try {
      for (const { idx, body } of rows.read('events', { from, to: END, order })) {
        newest = Math.max(newest, idx);
        const previous = sound.at(-1);
        if (body === undefined) {
          problem ??= `event ${idx} fails its checksum`;
        } else if (previous && order === 'ASC' && idx === previous.last + 1) {
          sound[sound.length - 1] = { first: previous.first, last: idx };
        } else if (previous && order === 'DESC' && idx === previous.first - 1) {
          sound[sound.length - 1] = { first: idx, last: previous.last };
        } else {
          if (previous && order === 'ASC')
            problem ??= `events ${previous.last + 1} to ${idx - 1} are missing`;
          sound.push({ first: idx, last: idx });
        }
      }
      return true;
    } catch (error) {
      problem ??= `after event ${newest} a page can't be read (${(error as Error).message})`;
      return false;
    }
  };
  const readable = scan('ASC', 1);
  if (!readable) scan('DESC', newest + 1);
  return { runs: sound, newest, readable, problem };
}

/** Sound snapshots, newest first. */
function surveySnapshots(rows: Rows): {
  readonly sound: readonly ClusterState[];
  readonly bad: readonly number[];
} {
  const sound: ClusterState[] = [];
  const bad: number[] = [];
  try {
    for (const { idx, body } of rows.read('snapshots', { from: 1, to: END, order: 'DESC' })) {
      const state = body === undefined ? undefined : parse(ClusterState, body);
      if (state?.lastIndex === idx) sound.push(state);
      else bad.push(idx);
    }
  } catch {
    // Those that were read count; older ones behind an unreadable page are out of reach.
  }
  return { sound, bad };
}

/** Folds events up to `end`, or to the last one before an event that is none or that doesn't follow. */
function replay(
  rows: Rows,
  base: ClusterState,
  end: number,
): {
  readonly state: ClusterState;
  readonly entries: readonly IndexedEvent[];
  readonly problem: string | undefined;
} {
  const entries: IndexedEvent[] = [];
  let state = base;
  const outcome = (problem: string | undefined): ReturnType<typeof replay> => ({ state, entries, problem });
  try {
    for (const { idx, body } of rows.read('events', { from: base.lastIndex + 1, to: end, order: 'ASC' })) {
      const entry = body === undefined ? undefined : parse(IndexedEvent, body);
      if (entry?.index !== idx) return outcome(`event ${idx} can't be understood`);
      state = apply(state, entry);
      entries.push(entry);
    }
  } catch (error) {
    return outcome(`event ${state.lastIndex + 1} can't be applied (${(error as Error).message})`);
  }
  return outcome(undefined);
}

function parse<Value>(
  schema: { safeParse(value: unknown): { data?: Value } },
  body: string,
): Value | undefined {
  try {
    return schema.safeParse(JSON.parse(body)).data;
  } catch {
    return undefined;
  }
}
