import type { ClusterState } from '../state.ts';
import type { Entry, Envelope } from './message.ts';
import type { Send } from './ready.ts';

/** Characters of one Append's entries: well below what a connection carries as one message, in bytes too. */
const MOST_CHARACTERS = 2 * 1024 * 1024;

/** The first of them that fit into one message; one always does. The follower asks for the rest. */
function fitting(entries: readonly Entry[]): Entry[] {
  let characters = 0;
  const beyond = entries.findIndex((entry, at) => {
    characters += JSON.stringify(entry).length;
    return at > 0 && characters > MOST_CHARACTERS;
  });
  return entries.slice(0, beyond === -1 ? undefined : beyond);
}

/** What goes over the wire; null when the disk has moved on meanwhile, then the follower joins again. */
export function fill(
  { from, to, hops, message }: Send,
  disk: {
    read(from: number, through: number): readonly Entry[];
    snapshotAt(index: number): ClusterState | null;
  },
): Envelope | null {
  switch (message.type) {
    case 'AppendRange': {
      const { session } = message;
      const entries = disk.read(message.from, message.through);
      if (entries[0]?.index !== message.from) return null;
      return {
        from,
        to,
        hops,
        message: { type: 'Append', session, from: message.from, entries: fitting(entries) },
      };
    }
    case 'SnapshotAt': {
      const state = disk.snapshotAt(message.index);
      return state === null ? null : { from, to, hops, message: { ...message, type: 'Snapshot', state } };
    }
    default:
      return { from, to, hops, message };
  }
}
