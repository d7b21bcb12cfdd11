import { createTables, PARTS, partRow, type Rows } from './rows.ts';
import type { StoredSchema1 } from './schema-1.ts';
import type { Database } from './sqlite.ts';
import { END, type Stored } from './stored.ts';
import type { Survey } from './survey.ts';
import type { View } from './view.ts';

/** Removes from the tables what the survey could not use, and writes what it changed. To be called in a transaction. */
export function repair(rows: Rows, found: Survey): void {
  const { base, last, snapshots } = found.view;
  rows.delete('entries', 1, base);
  rows.delete('entries', last + 1, END);
  for (const index of rows.indexes('snapshot_heads')) {
    if (!snapshots.includes(index)) rows.delete('snapshot_heads', index, index);
  }
  for (const row of rows.indexes('snapshot_parts')) {
    if (!snapshots.includes(Math.floor(row / PARTS))) rows.delete('snapshot_parts', row, row);
  }
  if (found.saved > 0 || found.lostCommands > 0) {
    rows.delete('commands', 1, END);
    rows.delete('tails', 1, END);
    writeCommands(rows, found);
  }
  if (found.view.damaged) writeBallot(rows, found.view);
}

/** Writes what the survey could use to empty tables. To be called in a transaction. */
export function transfer(rows: Rows, stored: Stored, found: Survey): void {
  const { view, kept } = found;
  if (kept !== undefined) {
    for (const { idx, body } of stored.entries({ from: view.base + 1, to: kept.last, order: 'ASC' })) {
      if (body !== undefined) rows.insert('entries', { idx, body });
    }
  }
  for (const index of view.snapshots) {
    const { starts, parts } = stored.snapshot(index) ?? { starts: [], parts: [] };
    const head = { parts: parts.length, starts };
    rows.insert('snapshot_heads', { idx: index, body: JSON.stringify(head) });
    for (const [part, body] of parts.entries()) {
      rows.insert('snapshot_parts', { idx: partRow(index, part), body });
    }
  }
  writeCommands(rows, found);
  writeBallot(rows, view);
}

/** Turns the tables of schema 1 into those of this one. To be called in a transaction. */
export function migrate(database: Database, rows: Rows, stored: StoredSchema1, found: Survey): void {
  createTables(database);
  transfer(rows, stored, found);
  stored.drop();
}

function writeCommands(rows: Rows, { commands, view }: Survey): void {
  for (const row of commands) rows.insert('commands', row);
  for (const [tailId, waiting] of view.tails) {
    for (const { row, command } of waiting) {
      rows.insert('tails', { idx: row, body: JSON.stringify({ tailId, command }) });
    }
  }
}

function writeBallot(rows: Rows, { ballot, damaged }: View): void {
  rows.setBallot(ballot);
  rows.markDamaged(damaged);
}
