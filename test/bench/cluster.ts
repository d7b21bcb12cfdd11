import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { measureGap } from '../support/cluster-gap.ts';
import { whyNoLan } from '../support/cluster-lan.ts';
import { Ledger } from '../support/cluster-ledger.ts';
import type { ClusterNode } from '../support/cluster-node.ts';
import { RealCluster } from '../support/cluster-real.ts';
import { below, figureOf, percentile, type Figure } from './figure.ts';
import { readMemory } from './memory-reading.ts';
import type { BenchInit } from './places.ts';

const NODES = 3;
/** Of the master, for each run that is asked for. */
const KILLS = 8;
const SILENCES = 1;
const LAGS = 60;
const IDLE_MS = 15_000;
const BUSY_MS = 4_000;
/** Commands that wait for an answer at the same time, at one node. */
const AT_ONCE = 16;
const MB = 1e6;
/** Ticks of the processor's clock in /proc/PID/stat per second; a constant of Linux on all its platforms. */
const TICKS = 100;

/** Three real nodes: how soon they are one cluster, how it goes on without its master, what it costs to be one. */
export async function benchCluster({ runs, onStep }: BenchInit): Promise<readonly Figure[]> {
  const formed: number[] = [];
  for (let run = 1; run <= runs; run += 1) {
    onStep(`cluster, forming ${run} of ${runs}`);
    formed.push(await form());
  }
  const cluster = await RealCluster.form({ nodes: NODES, on: whyNoLan === undefined ? 'lan' : 'loopback' });
  try {
    const ledger = new Ledger();
    const idle = await measureIdle(cluster, onStep);
    const lags = await measureLag(cluster, ledger, onStep);
    const rates = await measureRates(cluster, ledger, onStep);
    const kills = await measureKills(cluster, ledger, { count: runs * KILLS, onStep });
    const silences = await measureSilence(cluster, ledger, { count: runs * SILENCES, onStep });
    return [
      figureOf('cluster, 3 nodes from start to one master', 'ms', formed, { aim: below(3_000) }),
      ...kills,
      ...silences,
      lags,
      ...rates,
      ...idle,
    ];
  } finally {
    await cluster.close();
  }
}

async function form(): Promise<number> {
  const cluster = await RealCluster.prepare({ nodes: NODES });
  try {
    const startedAt = performance.now();
    await cluster.start();
    return performance.now() - startedAt;
  } finally {
    await cluster.close();
  }
}

/** A model runs on a follower all the while. */
async function measureKills(
  cluster: RealCluster,
  ledger: Ledger,
  { count, onStep }: { readonly count: number; readonly onStep: BenchInit['onStep'] },
): Promise<Figure[]> {
  const name = ledger.name('model');
  const holder = cluster.nodes[0]!;
  await ledger.create(holder, name, { node_ids: [holder.nodeId] });
  await cluster.untilReady(holder, name);
  const detected: number[] = [];
  const elected: number[] = [];
  const accepted: number[] = [];
  const restarts: number[] = [];
  for (let kill = 1; kill <= count; kill += 1) {
    onStep(`cluster, master killed ${kill} of ${count}`);
    const master = await masterBeside(cluster, holder, name);
    const pids = holder.runnerPids;
    const gap = await measureGap(cluster, ledger, { master, takeAway: () => master.kill() });
    detected.push(gap.detectionMs);
    elected.push(gap.electionMs);
    accepted.push(Math.max(...gap.commandMs));
    await master.start();
    await cluster.untilOneMaster();
    const now = holder.runnerPids;
    restarts.push(pids.filter((pid) => !now.includes(pid)).length);
  }
  await ledger.delete(cluster.nodes[1]!, name);
  const what = 'cluster, master killed';
  return [
    p99(`${what} → missed`, detected, 1_000),
    p99(`${what} → another elected`, elected, 1_000),
    p99(`${what} → command accepted`, accepted, 1_000),
    {
      ...figureOf(`${what}, runners that restarted`, 'times', restarts, { aim: below(1), note: 'sum' }),
      value: restarts.reduce((sum, each) => sum + each, 0),
    },
  ];
}

/** A master that is not the node which holds the model: if it is, it quits, which hands over, and comes back. */
async function masterBeside(cluster: RealCluster, holder: ClusterNode, model: string): Promise<ClusterNode> {
  const master = await cluster.master();
  if (master !== holder) return master;
  await holder.stop();
  await cluster.untilOneMaster();
  await holder.start();
  const next = await cluster.master();
  await cluster.untilReady(holder, model);
  return next;
}

/** By a pulled cable where a network of our own is possible, else by a process that is stopped. */
async function measureSilence(
  cluster: RealCluster,
  ledger: Ledger,
  { count, onStep }: { readonly count: number; readonly onStep: BenchInit['onStep'] },
): Promise<Figure[]> {
  const accepted: number[] = [];
  const hasLan = whyNoLan === undefined;
  for (let silence = 1; silence <= count; silence += 1) {
    onStep(`cluster, master silent ${silence} of ${count}`);
    const master = await cluster.master();
    const takeAway = (): unknown =>
      hasLan ? cluster.lan.link(master.index, 'down') : master.signal('SIGSTOP');
    const gap = await measureGap(cluster, ledger, { master, takeAway });
    accepted.push(Math.max(...gap.commandMs));
    if (hasLan) await cluster.lan.heal();
    else master.signal('SIGCONT');
    await cluster.untilOneMaster(cluster.nodes, 20_000);
  }
  const how = hasLan ? 'cable pulled' : 'process stopped';
  return [p99(`cluster, master silent (${how}) → command accepted`, accepted, 4_000)];
}

/** From the answer of a command at the master until each follower shows it. */
async function measureLag(
  cluster: RealCluster,
  ledger: Ledger,
  onStep: BenchInit['onStep'],
): Promise<Figure> {
  onStep('cluster, how far followers are behind');
  const master = await cluster.master();
  const lags: number[] = [];
  for (let each = 0; each < LAGS; each += 1) {
    const name = ledger.name('lag');
    const shown = cluster.others(master).map(async (node) => {
      for (;;) {
        if ((await node.ask(`/meta_instance/${name}`)).status === 200) return performance.now();
        await sleep(1);
      }
    });
    await ledger.create(master, name, { min_nodes: 9 });
    const acknowledgedAt = performance.now();
    for (const at of await Promise.all(shown)) lags.push(Math.max(0, at - acknowledgedAt));
    await ledger.delete(master, name);
  }
  return p99('cluster, follower shows a command after its answer', lags);
}

async function measureRates(
  cluster: RealCluster,
  ledger: Ledger,
  onStep: BenchInit['onStep'],
): Promise<Figure[]> {
  const master = await cluster.master();
  const figures: Figure[] = [];
  for (const [where, node] of [
    ['the master', master],
    ['a follower', cluster.others(master)[0]!],
  ] as const) {
    onStep(`cluster, commands at ${where}`);
    const startedAt = performance.now();
    const before = ledger.acknowledged;
    const loops = Array.from({ length: AT_ONCE }, async () => {
      while (performance.now() - startedAt < BUSY_MS) {
        const name = ledger.name('rate');
        await ledger.create(node, name, { min_nodes: 9 });
        await ledger.delete(node, name);
      }
    });
    await Promise.all(loops);
    const perSecond = (ledger.acknowledged - before) / ((performance.now() - startedAt) / 1_000);
    const note = `${AT_ONCE} at once, create and delete`;
    figures.push(figureOf(`cluster, commands at ${where}`, '/s', [perSecond], { note }));
  }
  return figures;
}

/** Three nodes on one machine: each keeps its connections and beats, and has nothing to do. */
async function measureIdle(cluster: RealCluster, onStep: BenchInit['onStep']): Promise<Figure[]> {
  onStep('cluster, idle');
  await sleep(3_000);
  const before = cluster.nodes.map(cpuMs);
  const startedAt = performance.now();
  await sleep(IDLE_MS);
  const tookMs = performance.now() - startedAt;
  const busy = cluster.nodes.flatMap((node, at) => {
    const [now, then] = [cpuMs(node), before[at]];
    return now === undefined || then === undefined ? [] : [((now - then) / tookMs) * 100];
  });
  const resident = cluster.nodes.map((node) => readMemory(node.pid).residentBytes / MB);
  return [
    ...(busy.length > 0
      ? [figureOf('cluster, idle node, processor', '%', busy, { aim: below(1), note: 'of one core' })]
      : []),
    figureOf('cluster, idle node, RSS', 'MB', resident, { aim: below(150) }),
  ];
}

/** Undefined where the system does not tell. */
function cpuMs(node: ClusterNode): number | undefined {
  if (process.platform !== 'linux') return undefined;
  // The name, in brackets, may hold spaces; of the fields after it these are the 12th and 13th.
  const fields = readFileSync(`/proc/${node.pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
  return ((Number(fields[11]) + Number(fields[12])) / TICKS) * 1_000;
}

function p99(name: string, samples: readonly number[], aimMs?: number): Figure {
  const median = Math.round(percentile(samples, 50));
  const note = `p99 of ${samples.length}; median ${median} ms`;
  const about = { note, ...(aimMs === undefined ? {} : { aim: below(aimMs) }) };
  return { ...figureOf(name, 'ms', samples, about), value: percentile(samples, 99) };
}
