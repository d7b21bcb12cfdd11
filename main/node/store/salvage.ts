import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { transfer } from './repair.ts';
import { configure, createFile, Rows } from './rows.ts';
import { closeQuietly, openDatabase, transaction } from './sqlite.ts';
import type { Stored } from './stored.ts';
import { distrusted, type Survey } from './survey.ts';

const companions = ['', '-wal', '-shm'] as const;
const salvagedPath = (path: string): string => `${path}.salvaged`;

/**
 * Finishes or discards what an earlier salvage left when it was interrupted. A `.salvaged` file without the log beside
 * it is complete: only its last renames are missing.
 */
export function finishSalvage(path: string): void {
  const salvaged = salvagedPath(path);
  if (!existsSync(salvaged)) return;
  if (existsSync(path)) {
    for (const end of companions) rmSync(salvaged + end, { force: true });
    return;
  }
  // A write-ahead log of the damaged file would be replayed into the new one.
  moveCompanions(path, `${path}.corrupt-interrupted`);
  renameSync(salvaged, path);
}

/** Writes the usable part of a damaged log to a new file beside it; `source` stays open and unchanged. */
export function salvage(
  path: string,
  source: { readonly stored: Stored; readonly found: Survey } | undefined,
  maxBytes: number,
): void {
  const salvaged = salvagedPath(path);
  for (const end of companions) rmSync(salvaged + end, { force: true });
  const database = openDatabase(salvaged, 0);
  try {
    configure(database, maxBytes);
    createFile(database);
    const rows = new Rows(database);
    transaction(database, () => {
      if (source === undefined) rows.markDamaged(true);
      else transfer(rows, source.stored, { ...source.found, view: distrusted(source.found.view) });
    });
  } finally {
    closeQuietly(database);
  }
}

/**
 * Renames the log and its companions to `<path>.corrupt-<stamp>` and puts the salvaged file, if there is one, in its
 * place. Both files must be closed. Returns where the damaged log lies now.
 */
export function setAside(path: string, stamp: string): string {
  let aside = `${path}.corrupt-${stamp}`;
  for (let number = 2; existsSync(aside); number += 1) aside = `${path}.corrupt-${stamp}-${number}`;
  if (existsSync(path)) renameSync(path, aside);
  moveCompanions(path, aside);
  if (existsSync(salvagedPath(path))) renameSync(salvagedPath(path), path);
  syncFolder(dirname(path));
  return aside;
}

function moveCompanions(path: string, target: string): void {
  for (const end of ['-wal', '-shm']) if (existsSync(path + end)) renameSync(path + end, target + end);
}

function syncFolder(folder: string): void {
  const handle = openSync(folder, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
