import type { NodeId } from '../../main/core/id.ts';
import type { MemoryDisk } from '../../main/core/election/memory-disk.ts';
import type { Entry } from '../../main/core/election/message.ts';
import type { Send } from '../../main/core/election/ready.ts';

const key = ({ epoch, index }: Pick<Entry, 'epoch' | 'index'>): string =>
  `${epoch.term}.${epoch.masterId}:${index}`;

/** What must hold at every step, over all nodes and all their lives (REPLICATION.md). Throws when it does not. */
export class Promises {
  /** (epoch, index) → what it is and what lies before it. */
  readonly #entries = new Map<string, { readonly content: string; readonly before: string }>();
  readonly #votes = new Map<string, NodeId>();
  /** Epoch → the life of the node in which it led. */
  readonly #led = new Map<string, number>();

  /** Same (epoch, index), same entry and the same entries before it: logs share a prefix up to their divergence. */
  stored(entry: Entry, before: Entry | undefined): void {
    const found = { content: JSON.stringify(entry), before: before === undefined ? '' : key(before) };
    const known = this.#entries.get(key(entry));
    if (known === undefined) {
      this.#entries.set(key(entry), found);
      return;
    }
    if (known.content !== found.content) throw new Error(`entry ${key(entry)} is two things`);
    if (known.before !== found.before && found.before !== '' && known.before !== '') {
      throw new Error(`entry ${key(entry)} lies on ${known.before} and on ${found.before}`);
    }
  }

  /** Nothing is said that a crash right now would make untrue. */
  said(node: NodeId, life: number, disk: MemoryDisk, { message, to, from }: Send): void {
    if (from !== node) return;
    const { ballot, log } = disk.persisted();
    const held = (sentence: string, holds: boolean): void => {
      if (!holds) throw new Error(`${node} said to ${to} what is not on its disk: ${sentence}`);
    };
    switch (message.type) {
      case 'Ask':
        if (message.stage === 'Vote') {
          held(`asks for votes in term ${message.term}`, ballot.term >= message.term);
          this.#vote(node, message.term, node);
        }
        return;
      case 'Say':
        held(`term ${message.term}`, ballot.term >= message.term);
        return;
      case 'Ack':
        held(`acknowledges ${message.match}`, log.last >= message.match);
        return;
      case 'AppendRange':
        held(`sends up to ${message.through}`, log.last >= message.through || log.base >= message.from);
        return;
      case 'Adverts': {
        const own = message.adverts.find(({ nodeId }) => nodeId === node);
        if (own?.standing.type !== 'Master') return;
        const { term, masterId } = own.standing.epoch;
        if (masterId !== node) throw new Error(`${node} leads in the name of ${masterId}`);
        held(`leads term ${term}`, ballot.term >= term);
        const epoch = `${term}.${node}`;
        const earlier = this.#led.get(epoch) ?? life;
        if (earlier !== life) throw new Error(`${node} leads ${epoch} in two lives`);
        this.#led.set(epoch, life);
        return;
      }
      default:
        return;
    }
  }

  /** One vote per term and node, over all its lives. */
  #vote(node: NodeId, term: number, candidate: NodeId): void {
    const earlier = this.#votes.get(`${node} ${term}`) ?? candidate;
    if (earlier !== candidate)
      throw new Error(`${node} voted twice in term ${term}: ${earlier}, ${candidate}`);
    this.#votes.set(`${node} ${term}`, candidate);
  }

  /** A granted vote. */
  granted(voter: NodeId, term: number, candidate: NodeId, disk: MemoryDisk): void {
    const { ballot } = disk.persisted();
    if (ballot.term < term || (ballot.term === term && ballot.vote !== candidate)) {
      throw new Error(`${voter} grants term ${term} to ${candidate}, and its disk does not know`);
    }
    this.#vote(voter, term, candidate);
  }
}
