import type { Clock } from '../clock.ts';
import type { ClusterFile, ClusterRecord } from './cluster-file.ts';
import { fingerprintOf, newClusterKey } from './cluster-key.ts';

/**
 * The cluster that this node belongs to: the one of its file, or of `--cluster-key` where another one is given than last
 * time, or a new one of its own. Throws `ClusterFileError`.
 */
export function loadCluster(
  { clock, clusterFile }: { readonly clock: Clock; readonly clusterFile: ClusterFile },
  { given }: { readonly given: Uint8Array | undefined },
): ClusterRecord {
  const found = clusterFile.read();
  const name = given && fingerprintOf(given);
  if (found !== undefined && (name === undefined || found.given === name)) return found;
  const record: ClusterRecord = {
    key: given ?? newClusterKey(),
    generation: 1,
    joinedAt: clock.now(),
    ...(name !== undefined && { given: name }),
  };
  clusterFile.write(record);
  return record;
}
