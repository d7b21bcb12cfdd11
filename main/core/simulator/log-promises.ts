import type { Entry } from '../election/message.ts';
import type { Send } from '../election/ready.ts';
import type { MemoryDisk } from '../election/memory-disk.ts';
import type { NodeId } from '../id.ts';

const keyOf = ({ epoch, index }: Pick<Entry, 'epoch' | 'index'>): string =>
  `${epoch.term}.${epoch.masterId}:${index}`;

/** A node, as far as what it says and stores is concerned. */
export interface Speaker {
  readonly nodeId: NodeId;
  readonly name: string;
  readonly disk: MemoryDisk;
}

/** What REPLICATION's last section promises of logs and of what is said about them, over all nodes and lives. */
export class LogPromises {
  /** (epoch, index) → what it is and what lies before it. */
  readonly #entries = new Map<string, { readonly entry: Entry; before: string | undefined }>();
  readonly #votes = new Map<string, NodeId>();
  readonly #violate: (rule: string, message: string) => void;

  constructor(violate: (rule: string, message: string) => void) {
    this.#violate = violate;
  }

  /** @param held a node's entries, the newest `count` of them just written */
  stored(held: readonly Entry[], count: number): void {
    for (let at = held.length - count; at < held.length; at += 1) {
      const entry = held[at];
      if (entry === undefined) continue;
      const previous = held[at - 1];
      this.#check(entry, previous === undefined ? undefined : keyOf(previous));
    }
  }

  /** Nothing is said that a crash right now would make untrue. */
  said({ nodeId, name, disk }: Speaker, { message, from, to }: Send): void {
    if (from !== nodeId) return;
    const held = (claim: string, holds: boolean): void => {
      if (!holds)
        this.#violate('SaidBeforeStored', `${name} said to ${to} what is not on its disk: ${claim}`);
    };
    switch (message.type) {
      case 'Ask':
        if (message.stage !== 'Vote') return;
        held(`it asks for votes in term ${message.term}`, disk.persisted().ballot.term >= message.term);
        this.#vote(nodeId, message.term, nodeId);
        return;
      case 'Say': {
        const { ballot } = disk.persisted();
        held(`term ${message.term}`, ballot.term >= message.term);
        if (message.answer === 'Yes' && ballot.vote === to) this.#vote(nodeId, ballot.term, to);
        return;
      }
      case 'Ack':
        held(`it acknowledges ${message.match}`, disk.last >= message.match);
        return;
      case 'AppendRange':
        held(`it sends up to ${message.through}`, disk.last >= message.through);
        return;
      default:
        return;
    }
  }

  /** Same (epoch, index), same entry on the same entries: logs share a prefix up to their divergence. */
  #check(entry: Entry, before: string | undefined): void {
    const key = keyOf(entry);
    const known = this.#entries.get(key);
    if (known === undefined) {
      this.#entries.set(key, { entry, before });
      return;
    }
    if (known.entry !== entry && JSON.stringify(known.entry) !== JSON.stringify(entry)) {
      this.#violate('LogsDiffer', `entry ${key} is two things`);
    }
    if (known.before !== undefined && before !== undefined && known.before !== before) {
      this.#violate('LogsDiffer', `entry ${key} lies on ${known.before} and on ${before}`);
    }
    known.before ??= before;
  }

  /** One vote per term and node, over all its lives. */
  #vote(node: NodeId, term: number, candidate: NodeId): void {
    const key = `${node} ${term}`;
    const earlier = this.#votes.get(key) ?? candidate;
    if (earlier !== candidate) {
      this.#violate('VotedTwice', `${node} voted in term ${term} for ${earlier} and for ${candidate}`);
    }
    this.#votes.set(key, candidate);
  }
}
