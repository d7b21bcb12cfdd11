import { seededRandom } from './agenda.ts';
import { ElectionCluster, nameOf } from './election-cluster.ts';
import type { LinkState } from './election-network.ts';
import type { ElectionNode } from './election-node.ts';

const NAMES = ['ada', 'bob', 'cyd', 'dan', 'eve'];

export interface ScheduleReport {
  /** How often each kind of happening came. */
  readonly happened: ReadonlyMap<string, number>;
  readonly simulatedMs: number;
  readonly steps: number;
  readonly told: number;
}

/**
 * One random life of a cluster: commands, crashes, freezes, goodbyes, cut links of every kind, compactions. In the end
 * the faults stop twice: first as they lie, then with everything healed. Throws when a promise is broken.
 */
export function playSchedule(seed: number): ScheduleReport {
  const random = seededRandom(seed);
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)]!;
  const names = NAMES.slice(0, 2 + Math.floor(random() * 4));
  const cluster = new ElectionCluster({
    names,
    seed: seed * 7 + 1,
    latencyMs: pick([
      [0.2, 1],
      [1, 10],
      [1, 50],
      [5, 30],
    ] as const),
    diskMs: pick([0, 0, 4, 30]),
  });
  const happened = new Map<string, number>();
  const count = (what: string): void => void happened.set(what, (happened.get(what) ?? 0) + 1);
  cluster.startAll();
  if (random() < 0.7) cluster.run(random() * 2_500);

  const happenings: Readonly<Record<string, () => void>> = {
    ask: () => {
      const base = random() < 0.2 ? Math.floor(random() * 6) : null;
      for (let n = 1 + Math.floor(random() * 3); n > 0; n -= 1) {
        cluster.ask(pick(names), pick(['chat', 'code']), base);
        if (random() < 0.5) cluster.run(random() * 40);
      }
    },
    crash: () => pick(cluster.nodes).crash(),
    'crash the master': () => {
      const [master] = cluster.masters;
      if (master !== undefined) cluster.node(master).crash();
    },
    start: () => pick(cluster.nodes).start(random() < 0.05),
    quit: () => pick(cluster.nodes).quit(),
    freeze: () => pick(cluster.nodes).freeze(),
    thaw: () => pick(cluster.nodes).thaw(),
    compact: () => {
      const node = pick(cluster.nodes);
      for (let n = 3; n > 0; n -= 1) {
        cluster.ask(nameOf(node.id));
        cluster.run(80);
        node.compact(Math.floor(random() * 3));
      }
    },
    link: () => {
      const [a, b] = [pick(names), pick(names)];
      const state = pick<LinkState>(['Open', 'Open', 'Closed', 'Silent', 'OneWay']);
      if (a !== b) cluster.link(a, b, state);
    },
    part: () => {
      const side = names.filter(() => random() < 0.5);
      const other = names.filter((name) => !side.includes(name));
      cluster.part(side, other, pick<LinkState>(['Open', 'Closed', 'Silent']));
    },
  };
  const kinds = Object.keys(happenings).flatMap((kind) =>
    kind === 'ask' ? [kind, kind, kind, kind] : [kind],
  );
  for (let n = 4 + Math.floor(random() * 14); n > 0; n -= 1) {
    const kind = pick(kinds);
    count(kind);
    happenings[kind]!();
    cluster.run(random() < 0.5 ? random() * 60 : random() < 0.6 ? random() * 700 : random() * 5_000);
  }

  for (const node of cluster.nodes) if (node.frozen) node.thaw();
  rest(cluster, 5_000);
  for (const a of names) for (const b of names) if (a < b) cluster.link(a, b, 'Open');
  for (const node of cluster.nodes) node.start();
  rest(cluster, 8_000);
  for (const cut of cluster.lines.filter((line) => line.includes('cuts back'))) if (cut !== '') count('tail');
  for (const line of cluster.lines) if (line.includes('installs')) count('snapshot');
  for (const line of cluster.lines) if (line.includes('EditConflict')) count('conflict');
  checkTold(cluster);
  const steps = cluster.nodes.reduce((sum, node) => sum + node.steps, 0);
  return { happened, simulatedMs: cluster.timeline.now, steps, told: cluster.told.size };
}

/** Quiet for so long: each connected set has one master and all its nodes the same log. */
function rest(cluster: ElectionCluster, quietMs: number): void {
  cluster.run(quietMs);
  for (const set of cluster.connectedSets()) {
    const unrest = cluster.unrest(set);
    if (unrest !== null) throw new Error(`after ${quietMs} ms of quiet ${unrest}\n${ending(cluster, set)}`);
  }
}

/** Every command that a person was told is done took effect, unless a later word showed the conflict. */
function checkTold(cluster: ElectionCluster): void {
  const [node] = cluster.nodes;
  for (const [commandId, outcome] of cluster.told) {
    if (outcome.type === 'Accepted' && !node!.disk.state.commands.includes(commandId)) {
      throw new Error(`${commandId} was answered and is lost\n${ending(cluster, cluster.nodes)}`);
    }
  }
}

const ending = (cluster: ElectionCluster, set: readonly ElectionNode[]): string =>
  [...cluster.lines.slice(-60), `set: ${set.map(({ id }) => nameOf(id)).join(' ')}`].join('\n');
