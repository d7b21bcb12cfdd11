import { mkdirSync, renameSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { ClusterFile, ClusterRecord } from './cluster-file.ts';

/** Files that SQLite keeps beside a database. */
const SIDE_FILES = ['', '-wal', '-shm', '-journal'];

/**
 * Moves what belongs to a cluster that this node left into a folder beside it, so that it starts as a cluster of its own
 * and nothing is lost. To be called before the files are opened; after a crash it goes on where it was.
 * @returns the record as it is now
 */
export function finishLeaving(
  { clusterFile }: { readonly clusterFile: ClusterFile },
  init: { readonly record: ClusterRecord; readonly eventsPath: string; readonly peersPath: string },
): ClusterRecord {
  const { setAside, ...rest } = init.record;
  if (setAside === undefined) return init.record;
  const folder = join(dirname(init.eventsPath), setAside);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  for (const path of [...SIDE_FILES.map((side) => init.eventsPath + side), init.peersPath]) {
    if (statSync(path, { throwIfNoEntry: false }) !== undefined)
      renameSync(path, join(folder, basename(path)));
  }
  clusterFile.write(rest);
  return rest;
}
