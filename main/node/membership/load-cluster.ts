import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import { readClusterFile, writeClusterFile, type ClusterRecord } from './cluster-file.ts';
import { fingerprintOf, newClusterKey } from './cluster-key.ts';

/**
 * The cluster that this node belongs to: the one of its file, or of `--cluster-key` where another one is given than last
 * time, or a new one of its own. Throws `ClusterFileError`.
 */
export function loadCluster(
  components: { readonly clock: Clock; readonly log: Log },
  init: { readonly path: string; readonly given: Uint8Array | undefined },
): ClusterRecord {
  const { path, given } = init;
  const found = readClusterFile(components, { path });
  const name = given && fingerprintOf(given);
  if (found !== undefined && (name === undefined || found.given === name)) return found;
  const record: ClusterRecord = {
    key: given ?? newClusterKey(),
    generation: 1,
    joinedAt: components.clock.now(),
    ...(name !== undefined && { given: name }),
  };
  writeClusterFile(path, record);
  return record;
}
