import type { Entry, Envelope } from '../../core/election/message.ts';
import type { Send } from '../../core/election/ready.ts';
import type { ClusterState } from '../../core/state.ts';

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
        message: { type: 'Append', session, from: message.from, entries: [...entries] },
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
