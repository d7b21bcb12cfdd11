import { apply } from '../../core/apply/index.ts';
import { compareEpochs } from '../../core/election/epoch.ts';
import { epochAt } from '../../core/election/log-index.ts';
import type { Fold } from '../../core/election/memory-disk.ts';
import { Entry, KeptCommand } from '../../core/election/message.ts';
import { parseBody, parseState, StoredBallot, StoredTailCommand } from './bodies.ts';
import type { FoundRow, Row } from './rows.ts';
import { surveyEntries, type Run } from './survey-entries.ts';
import type { FoundSnapshot, Stored } from './stored.ts';
import { blankView, logOf, nextTailRow, withEntry, type TailRow, type View } from './view.ts';

/** What can be used of what is stored, and what is wrong with the rest. */
export interface Survey {
  /** What will be on disk once the rest is removed. */
  readonly view: View;
  /** The stored entries that lead up to `view.last` without a gap; undefined = none. */
  readonly kept: Run | undefined;
  /** Snapshots that fail their checksum or their schema. */
  readonly badSnapshots: readonly number[];
  /** Undefined = every entry is sound. `tail` says that only the very last entry is bad. */
  readonly damage: { readonly message: string; readonly tail: boolean } | undefined;
  readonly ballotLost: boolean;
  /** The rows of kept commands up to `view.last`. */
  readonly commands: readonly Row[];
  /** Commands whose entries are beyond `view.last` and can't be used any more; they make a tail. */
  readonly saved: number;
  /** Kept commands and commands of tails that are damaged. */
  readonly lostCommands: number;
}

/** Reads everything. Never throws for damage: it is what this looks for. */
export function survey(stored: Stored, fold: Fold = apply): Survey {
  const entries = surveyEntries(stored);
  const snapshots = surveySnapshots(stored);
  const endFrom = (index: number): number =>
    entries.runs.find((run) => run.first <= index + 1 && index + 1 <= run.last)?.last ?? index;
  const from = chooseSnapshot(stored, snapshots, endFrom);
  const replayed = replay(stored, from?.view ?? blankView, endFrom(from?.view.last ?? 0), fold);
  const { view } = replayed;
  const end = view.last;
  const run = entries.runs.find(({ first, last }) => first <= end && end <= last);
  const kept = run && { first: run.first, last: end };
  const newest = Math.max(entries.newest, ...snapshots.sound);
  const message =
    entries.problem ??
    replayed.problem ??
    (entries.runs.length > 0 && kept === undefined
      ? `the stored events do not lead up to index ${end}`
      : undefined) ??
    (end < newest ? `events after ${end} can't be reached` : undefined);
  const usable = snapshots.sound.filter((index) => index <= end && index >= (kept?.first ?? end + 1) - 1);
  // The oldest state that everything after it can be rebuilt from.
  const base = kept?.first === 1 ? 0 : (usable[0] ?? 0);
  const tails = surveyTails(stored, end);
  const ballot = surveyBallot(stored, end);
  const logged: View = { ...view, base, snapshots: usable, tails: tails.found };
  return {
    view: ballot === undefined ? distrusted(logged) : { ...logged, ballot, damaged: marked(stored) },
    kept,
    badSnapshots: snapshots.bad,
    damage: message === undefined ? undefined : { message, tail: end === newest - 1 && entries.readable },
    ballotLost: ballot === undefined,
    commands: tails.commands,
    saved: tails.saved,
    lostCommands: tails.lost,
  };
}

/**
 * After writes were lost: others may have heard of entries, terms and votes that are not there any more. The log is no
 * more recent than its last entry, and its newest epoch bounds the terms from below.
 */
export function distrusted(view: View): View {
  const newest = epochAt(logOf(view), view.last);
  const { ballot } = view;
  const lineage = compareEpochs(ballot.lineage, newest) > 0 ? newest : ballot.lineage;
  const term = Math.max(ballot.term, newest?.term ?? 0);
  return { ...view, damaged: true, ballot: { lives: ballot.lives, term, vote: null, lineage } };
}

/** By their checksums, ascending. */
function surveySnapshots(stored: Stored): { sound: number[]; readonly bad: number[] } {
  const sound: number[] = [];
  const bad: number[] = [];
  try {
    for (const index of stored.snapshots()) (readSnapshot(stored, index) ? sound : bad).push(index);
  } catch {
    // Those that were read count; the others are out of reach.
  }
  return { sound, bad };
}

function readSnapshot(stored: Stored, index: number): FoundSnapshot | undefined {
  try {
    return stored.snapshot(index);
  } catch {
    return undefined;
  }
}

/** The newest of those that lead furthest. One that turns out to hold no state joins the bad ones. */
function chooseSnapshot(
  stored: Stored,
  snapshots: { sound: number[]; readonly bad: number[] },
  endFrom: (index: number) => number,
): { readonly view: View } | undefined {
  for (;;) {
    const [best] = [...snapshots.sound].sort((a, b) => endFrom(b) - endFrom(a) || b - a);
    if (best === undefined || endFrom(0) > endFrom(best)) return undefined;
    const found = readSnapshot(stored, best);
    const state = found && parseState(found.parts.join(''), best);
    if (found !== undefined && state !== undefined) {
      return { view: { ...blankView, last: best, starts: found.starts, state } };
    }
    snapshots.sound = snapshots.sound.filter((index) => index !== best);
    snapshots.bad.push(best);
  }
}

/** Folds entries up to `end`, or to the last one before an entry that is none or that doesn't follow. */
function replay(
  stored: Stored,
  base: View,
  end: number,
  fold: Fold,
): { readonly view: View; readonly problem: string | undefined } {
  let view = base;
  try {
    for (const { idx, body } of stored.entries({ from: base.last + 1, to: end, order: 'ASC' })) {
      const entry = parseBody(Entry, body);
      if (entry?.index !== idx) return { view, problem: `event ${idx} can't be understood` };
      view = withEntry(view, entry, fold(view.state, entry));
    }
  } catch (error) {
    return { view, problem: `event ${view.last + 1} can't be applied (${(error as Error).message})` };
  }
  return { view, problem: undefined };
}

/** Undefined = it is lost: no entry is written before there is one. */
function surveyBallot(stored: Stored, end: number): View['ballot'] | undefined {
  try {
    const body = stored.ballot();
    if (body === null) return end === 0 ? blankView.ballot : undefined;
    return parseBody(StoredBallot, body);
  } catch {
    return undefined;
  }
}

function marked(stored: Stored): boolean {
  try {
    return stored.isMarkedDamaged();
  } catch {
    return true;
  }
}

function surveyTails(
  stored: Stored,
  end: number,
): {
  readonly found: View['tails'];
  readonly commands: readonly Row[];
  readonly saved: number;
  readonly lost: number;
} {
  const found = new Map<string, readonly TailRow[]>();
  let lost = 0;
  const each = (rows: () => Iterable<FoundRow>, take: (row: FoundRow) => boolean): void => {
    try {
      for (const row of rows()) if (!take(row)) lost += 1;
    } catch {
      lost += 1;
    }
  };
  each(
    () => stored.tails(),
    ({ idx, body }) => {
      const tail = parseBody(StoredTailCommand, body);
      if (tail === undefined) return false;
      found.set(tail.tailId, [...(found.get(tail.tailId) ?? []), { row: idx, command: tail.command }]);
      return true;
    },
  );
  const commands: Row[] = [];
  const beyond: { readonly idx: number; readonly command: KeptCommand }[] = [];
  each(
    () => stored.commands(),
    ({ idx, body }) => {
      const command = parseBody(KeptCommand, body);
      if (body === undefined || command === undefined) return false;
      if (idx > end) beyond.push({ idx, command });
      else commands.push({ idx, body });
      return true;
    },
  );
  const newest = beyond.at(-1);
  if (newest !== undefined) {
    const first = nextTailRow({ ...blankView, tails: found });
    const rows = beyond.map(({ command }, at) => ({ row: first + at, command }));
    found.set(`salvaged:${end + 1}-${newest.idx}`, rows);
  }
  return { found, commands, saved: beyond.length, lost };
}
