import type { Fold } from '../../core/election/memory-disk.ts';
import { Entry, type KeptCommand } from '../../core/election/message.ts';
import type { Persist, Settled } from '../../core/election/ready.ts';
import type { ClusterState } from '../../core/state.ts';
import { emptyState } from '../../core/state.ts';
import { parseBody, parseState, type SnapshotHead } from './bodies.ts';
import { partRow, type Rows } from './rows.ts';
import { snapshotParts } from './snapshot-parts.ts';
import { END, StoredRows } from './stored.ts';
import { nextTailRow, withEntry, withoutTail, type View } from './view.ts';

/** What `Persist.truncate` cut off, for the core's input `TailRead`. */
export interface CutTail {
  readonly tailId: string;
  readonly commands: readonly KeptCommand[];
}

/** Commands kept at least, however far compaction goes. As many as a state remembers the ids of. */
const COMMANDS_KEPT = 1_000;

/**
 * Writes to the tables what the core asks for; to be called in a transaction. The new view holds once that is
 * committed. Throws SQLite's errors, `fold`'s, and where the order is not one that the core gives.
 */
export function writePersist(
  rows: Rows,
  before: View,
  persist: Persist,
  fold: Fold,
): { readonly view: View; readonly tail: CutTail | null } {
  let view = before;
  let tail: CutTail | null = null;
  if (persist.ballot !== null) {
    rows.setBallot(persist.ballot);
    if (view.damaged) rows.markDamaged(false);
    view = { ...view, ballot: persist.ballot, damaged: false };
  }
  if (persist.truncate !== null) {
    const { after } = persist.truncate;
    if (after < view.base && persist.install === null) {
      throw new Error(`the log begins at ${view.base} and can't be cut back to ${after}`);
    }
    [view, tail] = cutBack(rows, view, persist.truncate);
    if (persist.install === null) view = { ...view, state: rebuild(rows, view, fold) };
  }
  if (persist.install !== null) view = install(rows, view, persist.install);
  for (const entry of persist.append) view = append(rows, view, entry, fold);
  for (const settled of persist.settled) view = settle(rows, view, settled);
  return { view, tail };
}

/** The state is still that of before. */
function cutBack(
  rows: Rows,
  view: View,
  { after, tailId }: NonNullable<Persist['truncate']>,
): [View, CutTail] {
  const commands: KeptCommand[] = [];
  for (const { idx, body } of rows.read('commands', { from: after + 1, to: END, order: 'ASC' })) {
    if (body === undefined) throw new Error(`the command of event ${idx} fails its checksum`);
    commands.push(JSON.parse(body) as KeptCommand);
  }
  rows.delete('commands', after + 1, END);
  rows.delete('entries', after + 1, END);
  for (const index of view.snapshots) if (index > after) dropSnapshot(rows, index);
  const cut = withoutTail(view, after, view.state);
  if (commands.length === 0) return [cut, { tailId, commands }];
  const first = nextTailRow(view);
  const waiting = commands.map((command, at) => ({ row: first + at, command }));
  for (const { row } of view.tails.get(tailId) ?? []) rows.delete('tails', row, row);
  for (const { row, command } of waiting) {
    rows.insert('tails', { idx: row, body: JSON.stringify({ tailId, command }) });
  }
  const others = [...view.tails].filter(([id]) => id !== tailId);
  return [
    { ...cut, tails: new Map([...others, [tailId, waiting]]) },
    { tailId, commands },
  ];
}

/** From the newest snapshot that is left, and the entries after it. */
function rebuild(rows: Rows, { snapshots, last }: View, fold: Fold): ClusterState {
  const index = snapshots.at(-1) ?? 0;
  let state = index === 0 ? emptyState : readState(rows, index);
  if (state === null) throw new Error(`the snapshot at event ${index} can't be read`);
  for (const { idx, body } of rows.read('entries', { from: index + 1, to: last, order: 'ASC' })) {
    const entry = parseBody(Entry, body);
    if (entry === undefined) throw new Error(`event ${idx} can't be read`);
    state = fold(state, entry);
  }
  return state;
}

/** Null when it is not there or damaged. */
export function readState(rows: Rows, index: number): ClusterState | null {
  const found = new StoredRows(rows).snapshot(index);
  return (found && parseState(found.parts.join(''), index)) ?? null;
}

function install(rows: Rows, view: View, { index, starts, state }: NonNullable<Persist['install']>): View {
  rows.delete('entries', 1, END);
  rows.delete('snapshot_heads', 1, END);
  rows.delete('snapshot_parts', 1, END);
  if (index === 0)
    return { ...view, base: 0, last: 0, starts: [], snapshots: [], state: emptyState, recent: [] };
  const parts = [...snapshotParts(state)];
  for (const [part, body] of parts.entries()) {
    rows.insert('snapshot_parts', { idx: partRow(index, part), body });
  }
  insertHead(rows, index, { parts: parts.length, starts: [...starts] });
  return { ...view, base: index, last: index, starts, snapshots: [index], state, recent: [] };
}

export function insertHead(rows: Rows, index: number, head: SnapshotHead): void {
  rows.insert('snapshot_heads', { idx: index, body: JSON.stringify(head) });
}

function append(rows: Rows, view: View, entry: Entry, fold: Fold): View {
  const { index, command } = entry;
  if (index !== view.last + 1) {
    throw new Error(`event ${index} does not follow event ${view.last}: the log has a gap`);
  }
  rows.insert('entries', { idx: index, body: JSON.stringify(entry) });
  if (command !== undefined) rows.insert('commands', { idx: index, body: JSON.stringify(command) });
  return withEntry(view, entry, fold(view.state, entry));
}

function settle(rows: Rows, view: View, { tailId, commandId }: Settled): View {
  const waiting = view.tails.get(tailId) ?? [];
  const left = waiting.filter(({ command }) => command.command.commandId !== commandId);
  if (left.length === waiting.length) return view;
  for (const { row } of waiting.filter((each) => !left.includes(each))) rows.delete('tails', row, row);
  const tails = new Map(view.tails);
  if (left.length === 0) tails.delete(tailId);
  else tails.set(tailId, left);
  return { ...view, tails };
}

export function dropSnapshot(rows: Rows, index: number): void {
  rows.delete('snapshot_heads', index, index);
  rows.delete('snapshot_parts', partRow(index, 0), partRow(index + 1, 0) - 1);
}

/**
 * After the snapshot at `index` was written: drops what lies before the newest one that leaves at least `retain`
 * entries. To be called in a transaction.
 */
export function compact(rows: Rows, view: View, index: number, retain: number): View {
  const base = view.snapshots.findLast((each) => each <= index - retain) ?? view.base;
  if (base > view.base) {
    rows.delete('entries', 1, base);
    for (const each of view.snapshots) if (each < base) dropSnapshot(rows, each);
    rows.delete('commands', 1, Math.min(base, rows.oldestOfNewest('commands', COMMANDS_KEPT) - 1));
  }
  return { ...view, base, snapshots: [...view.snapshots.filter((each) => each >= base), index] };
}
