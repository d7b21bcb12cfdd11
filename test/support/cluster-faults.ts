import { measureGap, type MasterGap } from './cluster-gap.ts';
import type { Ledger } from './cluster-ledger.ts';
import type { ClusterNode } from './cluster-node.ts';
import type { RealCluster } from './cluster-real.ts';
import { moment } from './e2e-until.ts';

/** What one round of a campaign acts on. All nodes are up and connected before a fault, and after it. */
export interface Scene {
  readonly cluster: RealCluster;
  readonly ledger: Ledger;
  /** In [0, 1). */
  readonly random: () => number;
  /** How the others went on without their master, by the name of the fault. */
  readonly onGap: (fault: FaultName, gap: MasterGap) => void;
}

export interface Fault {
  readonly name: FaultName;
  /** How often it comes among the others. */
  readonly weight: number;
  readonly needsLan: boolean;
  /** Inflicts it and undoes it; resolves to the nodes whose runners it may have cost. */
  readonly inflict: (scene: Scene) => Promise<readonly ClusterNode[]>;
}

export type FaultName =
  | 'kill the master'
  | 'quit the master'
  | 'stop the master for a while'
  | 'kill a follower'
  | 'quit a follower'
  | 'pull the cable of the master'
  | 'pull the cable of a follower'
  | 'part the nodes in two'
  | 'lose what one sends to another'
  | 'cut the power of all';

/** Time in which the others do something between a fault and its end. */
const LONGEST_MS = 6_000;

export const faults: readonly Fault[] = [
  {
    name: 'kill the master',
    weight: 24,
    needsLan: false,
    inflict: (scene) => endMaster(scene, 'kill the master', (master) => master.kill()),
  },
  {
    name: 'quit the master',
    weight: 3,
    needsLan: false,
    inflict: (scene) => endMaster(scene, 'quit the master', (master) => master.stop()),
  },
  {
    name: 'stop the master for a while',
    weight: 2,
    needsLan: false,
    async inflict({ cluster, ledger, random, onGap }) {
      const master = await cluster.master();
      const takeAway = (): void => master.signal('SIGSTOP');
      try {
        onGap('stop the master for a while', await measureGap(cluster, ledger, { master, takeAway }));
        await moment(random() * 2_000);
      } finally {
        master.signal('SIGCONT');
      }
      // What ran there was placed anew elsewhere.
      return [master];
    },
  },
  {
    name: 'kill a follower',
    weight: 3,
    needsLan: false,
    inflict: (scene) => endFollower(scene, (node) => node.kill()),
  },
  {
    name: 'quit a follower',
    weight: 2,
    needsLan: false,
    inflict: (scene) => endFollower(scene, (node) => node.stop()),
  },
  {
    name: 'pull the cable of the master',
    weight: 3,
    needsLan: true,
    async inflict({ cluster, ledger, random, onGap }) {
      const master = await cluster.master();
      const takeAway = (): Promise<void> => cluster.lan.link(master.index, 'down');
      try {
        onGap('pull the cable of the master', await measureGap(cluster, ledger, { master, takeAway }));
        await moment(random() * LONGEST_MS);
      } finally {
        await cluster.lan.heal();
      }
      return cluster.nodes;
    },
  },
  {
    name: 'pull the cable of a follower',
    weight: 2,
    needsLan: true,
    async inflict({ cluster, random }) {
      const node = pick(cluster.others(await cluster.master()), random);
      await cluster.lan.link(node.index, 'down');
      await moment(random() * LONGEST_MS);
      await cluster.lan.heal();
      return cluster.nodes;
    },
  },
  {
    name: 'part the nodes in two',
    weight: 3,
    needsLan: true,
    async inflict({ cluster, random }) {
      const most = Math.floor(cluster.nodes.length / 2);
      const apart = shuffled(cluster.nodes, random).slice(0, 1 + Math.floor(random() * most));
      await cluster.lan.partition(apart.map(({ index }) => index));
      await moment(random() * 2 * LONGEST_MS);
      await cluster.lan.heal();
      return cluster.nodes;
    },
  },
  {
    name: 'lose what one sends to another',
    weight: 2,
    needsLan: true,
    async inflict({ cluster, random }) {
      const [from, to] = shuffled(cluster.nodes, random);
      await cluster.lan.lose(from!.index, to!.index);
      await moment(random() * 2 * LONGEST_MS);
      await cluster.lan.heal();
      return cluster.nodes;
    },
  },
  {
    name: 'cut the power of all',
    weight: 2,
    needsLan: false,
    async inflict({ cluster, random }) {
      await cluster.cutPower();
      const order = shuffled(cluster.nodes, random);
      const gapMs = random() < 0.5 ? 0 : random() * 3_000;
      for (const node of order) {
        node.launch();
        await moment(gapMs);
      }
      await Promise.all(order.map((node) => node.listening()));
      return cluster.nodes;
    },
  },
];

async function endMaster(
  { cluster, ledger, random, onGap }: Scene,
  name: FaultName,
  end: (master: ClusterNode) => Promise<void>,
): Promise<readonly ClusterNode[]> {
  const master = await cluster.master();
  onGap(name, await measureGap(cluster, ledger, { master, takeAway: () => end(master) }));
  // Now and then it is back before, and now and then after, what it ran was placed anew.
  await moment(random() < 0.5 ? 0 : random() * LONGEST_MS);
  await master.start();
  return [master];
}

async function endFollower(
  { cluster, random }: Scene,
  end: (node: ClusterNode) => Promise<void>,
): Promise<readonly ClusterNode[]> {
  const node = pick(cluster.others(await cluster.master()), random);
  await end(node);
  await moment(random() < 0.5 ? 0 : random() * LONGEST_MS);
  await node.start();
  return [node];
}

/** Throws when there is none. */
export function pick<Each>(of: readonly Each[], random: () => number): Each {
  const found = of[Math.floor(random() * of.length)];
  if (found === undefined) throw new Error('there is nothing to pick from');
  return found;
}

function shuffled<Each>(of: readonly Each[], random: () => number): Each[] {
  return of
    .map((each) => ({ each, at: random() }))
    .sort((one, other) => one.at - other.at)
    .map(({ each }) => each);
}

/** One of those that are possible here, by weight. */
export function chooseFault(random: () => number, hasLan: boolean): Fault {
  const possible = faults.filter(({ needsLan }) => hasLan || !needsLan);
  let left = random() * possible.reduce((sum, { weight }) => sum + weight, 0);
  for (const fault of possible) {
    left -= fault.weight;
    if (left < 0) return fault;
  }
  return possible[0]!;
}
