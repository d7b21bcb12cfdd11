import { Ledger } from '../support/cluster-ledger.ts';
import { RealCluster } from '../support/cluster-real.ts';
import { rankNodes } from '../support/ranks.ts';
import { below, figureOf, type Figure } from './figure.ts';
import type { BenchInit } from './places.ts';

const TOKENS = 200;
/** The first tokens come while the prompt's caches are cold. */
const SKIPPED = 20;
const UNTIL_MS = 60_000;

interface Shape {
  readonly name: string;
  readonly body: Readonly<Record<string, unknown>>;
  readonly ranks: number;
}

const shapes: readonly Shape[] = [
  { name: '1 node', body: { max_nodes: 1 }, ranks: 1 },
  { name: 'pipeline of 2', body: { min_nodes: 2, max_nodes: 2 }, ranks: 2 },
  { name: 'pipeline of 3', body: { min_nodes: 3 }, ranks: 3 },
  { name: 'tensor over 3', body: { min_nodes: 3, sharding: 'Tensor' }, ranks: 3 },
];

/** One model over several nodes of this machine: how soon it serves, how fast it writes, how soon it is back. */
export async function benchRanks({ runs, onStep }: BenchInit): Promise<readonly Figure[]> {
  const cluster = await RealCluster.form({ nodes: 3 });
  try {
    const ledger = new Ledger();
    const figures: Figure[] = [];
    for (const shape of shapes) figures.push(...(await measure(cluster, ledger, { shape, runs, onStep })));
    return figures;
  } finally {
    await cluster.close();
  }
}

async function measure(
  cluster: RealCluster,
  ledger: Ledger,
  { shape, runs, onStep }: BenchInit & { readonly shape: Shape },
): Promise<readonly Figure[]> {
  const [first] = cluster.nodes;
  if (first === undefined) throw new Error('there is no node');
  const ready: number[] = [];
  const speed: number[] = [];
  const back: number[] = [];
  for (let run = 1; run <= runs; run += 1) {
    onStep(`ranks, ${shape.name}, ${run} of ${runs}`);
    const name = ledger.name('bench');
    const startedAt = performance.now();
    await ledger.create(first, name, shape.body);
    await cluster.untilReady(first, name, UNTIL_MS);
    ready.push(performance.now() - startedAt);
    speed.push(await decodeSpeed(cluster, name));
    if (shape.ranks > 1) back.push(await killToReady(cluster, name));
    await ledger.delete(first, name);
    await cluster.until(
      'no runner is left',
      () => cluster.nodes.every(({ runnerPids }) => runnerPids.length === 0),
      UNTIL_MS,
    );
  }
  const of = `ranks, ${shape.name}`;
  const aim = shape.ranks === 3 ? { aim: below(3_000) } : {};
  return [
    figureOf(`${of}, create → Ready`, 'ms', ready, aim),
    figureOf(`${of}, decode`, 'tok/s', speed, { note: 'all on this machine' }),
    ...(back.length === 0
      ? []
      : [
          figureOf(`${of}, a runner killed → Ready again`, 'ms', back, {
            note: 'with the backoff of a retry',
          }),
        ]),
  ];
}

/** Of one stream, asked where rank 0 is. */
async function decodeSpeed(cluster: RealCluster, name: string): Promise<number> {
  const [leader] = await rankNodes(cluster, name);
  if (leader === undefined) throw new Error(`${name} has no Instance`);
  const stream = leader.node.stream(name, 'Count from one to a thousand, in words.', { max_tokens: TOKENS });
  await stream.ended;
  const at = stream.textAt.slice(SKIPPED);
  const [begun, end] = [at[0], at.at(-1)];
  if (begun === undefined || end === undefined || end === begun) throw new Error('the answer was too short');
  return ((at.length - 1) / (end - begun)) * 1_000;
}

/** The last rank's runner is ended hard; the others keep their weights. */
async function killToReady(cluster: RealCluster, name: string): Promise<number> {
  const ranks = await rankNodes(cluster, name);
  const [leader, last] = [ranks[0], ranks.at(-1)];
  const victim = last?.node.runnerPids[0];
  if (leader === undefined || victim === undefined) throw new Error('there is no runner to end');
  const killedAt = performance.now();
  process.kill(victim, 'SIGKILL');
  await cluster.until(
    'it starts over',
    async () => (await rankNodes(cluster, name)).some(({ incarnation }) => incarnation > 0),
    UNTIL_MS,
  );
  await cluster.untilReady(leader.node, name, UNTIL_MS);
  return performance.now() - killedAt;
}
