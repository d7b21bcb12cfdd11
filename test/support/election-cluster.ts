import type { CommandId, NodeId } from '../../main/core/id.ts';
import { defaultElectionPolicy, type ElectionPolicy } from '../../main/core/election/policy.ts';
import type { Outcome } from '../../main/core/election/message.ts';
import { epochOf } from '../../main/core/election/replica.ts';
import { seededRandom } from './agenda.ts';
import { ElectionNetwork, type LinkState } from './election-network.ts';
import { ElectionNode, kept } from './election-node.ts';
import { Promises } from './election-promises.ts';
import { Timeline } from './election-timeline.ts';

export interface ElectionClusterInit {
  readonly names: readonly string[];
  readonly seed?: number;
  readonly latencyMs?: readonly [number, number];
  readonly diskMs?: number;
  readonly policy?: Partial<ElectionPolicy>;
}

/** Replicas on one table: virtual time, network and disks; every promise is checked at every step. */
export class ElectionCluster {
  readonly timeline = new Timeline();
  readonly network: ElectionNetwork;
  readonly nodes: readonly ElectionNode[];
  readonly lines: string[] = [];
  /** Commands whose outcome a person was told, and which. */
  readonly told = new Map<CommandId, Outcome>();
  readonly toldAt = new Map<CommandId, number>();
  #asked = 0;

  constructor({ names, seed = 1, latencyMs = [1, 5], diskMs = 0, policy }: ElectionClusterInit) {
    const random = seededRandom(seed);
    this.network = new ElectionNetwork(this.timeline, random);
    this.network.latencyMs = latencyMs;
    const promises = new Promises();
    const ids = names.map(idOf);
    this.nodes = names.map(
      (name) =>
        new ElectionNode({
          id: idOf(name),
          known: () => ids,
          policy: { ...defaultElectionPolicy, ...policy },
          timeline: this.timeline,
          network: this.network,
          promises,
          random,
          diskMs,
          say: (line) => this.say(name, line),
          told: (commandId, outcome) => {
            this.told.set(commandId, outcome);
            if (!this.toldAt.has(commandId)) this.toldAt.set(commandId, this.timeline.now);
          },
        }),
    );
  }

  say(name: string, line: string): void {
    this.lines.push(`${(this.timeline.now / 1_000).toFixed(3).padStart(8)}  ${name.padEnd(4)} ${line}`);
  }

  node(name: string): ElectionNode {
    return this.nodes.find(({ id }) => id === idOf(name))!;
  }

  startAll(): void {
    for (const node of this.nodes) node.start();
  }

  run(ms: number): void {
    this.timeline.runUntil(this.timeline.now + ms);
  }

  link(a: string, b: string, state: LinkState): void {
    this.network.set(idOf(a), idOf(b), state);
  }

  /** Every link across the two sides. */
  part(side: readonly string[], other: readonly string[], state: LinkState): void {
    for (const a of side) for (const b of other) this.link(a, b, state);
  }

  /** A person asks at that node; the id. */
  ask(at: string, name = 'chat', baseGeneration: number | null = null): CommandId {
    this.#asked += 1;
    const command = kept(name, this.#asked, baseGeneration);
    this.node(at).ask(command);
    return command.command.commandId;
  }

  get masters(): readonly string[] {
    return this.nodes.filter(({ replica }) => replica?.role.type === 'Master').map(({ id }) => nameOf(id));
  }

  /** What keeps a connected set from being at rest: one master, all level with it, no tail waiting; null = at rest. */
  unrest(set: readonly ElectionNode[]): string | null {
    const masters = set.filter(({ replica }) => replica?.role.type === 'Master');
    if (masters.length !== 1)
      return `${masters.length} masters in ${set.map(({ id }) => nameOf(id)).join(' ')}`;
    const [master] = masters;
    const epoch = epochOf(master!.replica!);
    for (const { id, replica, disk } of set) {
      if (JSON.stringify(epochOf(replica!)) !== JSON.stringify(epoch))
        return `${nameOf(id)} is not in the epoch`;
      if (disk.last !== master!.disk.last) return `${nameOf(id)} is at ${disk.last} of ${master!.disk.last}`;
      if (JSON.stringify(disk.state) !== JSON.stringify(master!.disk.state))
        return `${nameOf(id)} has another state`;
      if (disk.tails().size > 0) return `${nameOf(id)} holds a tail`;
    }
    return null;
  }

  /** Sets of running nodes that open links connect. */
  connectedSets(): ElectionNode[][] {
    const left = new Set(this.nodes.filter(({ replica, frozen }) => replica !== null && !frozen));
    const sets: ElectionNode[][] = [];
    for (const first of left) {
      const set = [first];
      left.delete(first);
      for (const node of set) {
        for (const other of left) {
          if (this.network.state(node.id, other.id) !== 'Open') continue;
          left.delete(other);
          set.push(other);
        }
      }
      sets.push(set);
    }
    return sets;
  }
}

export const idOf = (name: string): NodeId => `node-${name}` as NodeId;
export const nameOf = (id: NodeId): string => id.slice('node-'.length);
