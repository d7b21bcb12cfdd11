import { seededRandom } from './agenda.ts';
import { ElectionCluster, nameOf } from './election-cluster.ts';

export interface Figures {
  readonly p50: number;
  readonly p99: number;
  readonly worst: number;
}

const NAMES = ['ada', 'bob', 'cyd', 'dan', 'eve'];

/** Of sorted or unsorted samples, in their unit. */
export function figures(samples: readonly number[]): Figures {
  const sorted = [...samples].sort((a, b) => a - b);
  const at = (part: number): number =>
    Math.round(sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))]!);
  return { p50: at(0.5), p99: at(0.99), worst: at(1) };
}

/**
 * Simulated ms from the end of the master to the moment from which one other leads and everyone left follows it.
 * @param way `kill` closes its connections, `freeze` leaves them silent
 */
export function failovers(nodes: number, way: 'kill' | 'freeze', runs: number): Figures {
  const random = seededRandom(nodes * 31 + way.length);
  const samples: number[] = [];
  for (let run = 0; run < runs; run += 1) {
    const latency = 1 + random() * 49;
    const cluster = new ElectionCluster({
      names: NAMES.slice(0, nodes),
      seed: run * 13 + nodes,
      latencyMs: [latency * 0.8, latency],
      diskMs: 4,
    });
    cluster.startAll();
    cluster.run(3_000 + random() * 1_000);
    // A command at the last moment: some have it, some have not.
    for (const node of cluster.nodes) if (random() < 0.3) cluster.ask(nameOf(node.id));
    cluster.run(random() * 60);
    const master = cluster.node(cluster.masters[0]!);
    if (way === 'kill') master.crash();
    else master.freeze();
    const others = cluster.nodes.filter((node) => node !== master);
    const start = cluster.timeline.now;
    while (
      others.some(({ replica }) => replica?.role.type !== 'Following' && replica?.role.type !== 'Master') ||
      cluster.masters.filter((name) => cluster.node(name) !== master).length !== 1 ||
      others.some(
        ({ replica }) => replica?.role.type === 'Following' && replica.role.epoch.masterId === master.id,
      )
    ) {
      cluster.run(2);
      if (cluster.timeline.now > start + 20_000) break;
    }
    samples.push(cluster.timeline.now - start);
  }
  return figures(samples);
}

/**
 * Two nodes; bob sleeps every other half minute, with or without a goodbye. A person asks at ada each second; the
 * share of commands answered within a second, and how many were answered and lost in the end.
 */
export function lidAvailability(
  hours: number,
  goodbye: boolean,
): { readonly share: number; readonly lost: number } {
  const cluster = new ElectionCluster({ names: ['ada', 'bob'], latencyMs: [1, 20] });
  const bob = cluster.node('bob');
  cluster.startAll();
  cluster.run(3_000);
  let asked = 0;
  let prompt = 0;
  for (let minute = 0; minute < hours * 60; minute += 1) {
    for (let second = 0; second < 60; second += 1) {
      if (second === 0 && goodbye) bob.start();
      else if (second === 0) bob.thaw();
      else if (second === 30 && goodbye) bob.quit();
      else if (second === 30) bob.freeze();
      const id = cluster.ask('ada', `m${minute}`);
      // Now and then bob is asked too, just before it sleeps: its side of the story must not get lost.
      if (second === 29) cluster.ask('bob', `m${minute}`);
      const at = cluster.timeline.now;
      cluster.run(1_000);
      asked += 1;
      if ((cluster.toldAt.get(id) ?? Infinity) - at <= 1_000) prompt += 1;
    }
    for (const node of cluster.nodes) node.compact(500);
  }
  bob.thaw();
  bob.start();
  cluster.run(8_000);
  const state = new Set<string>(bob.disk.state.commands);
  const lost = [...cluster.told].filter(([id, { type }]) => type === 'Accepted' && !state.has(id)).length;
  return { share: prompt / asked, lost };
}
