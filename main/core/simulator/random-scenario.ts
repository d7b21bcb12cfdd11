import { MiB, SECOND } from '../unit.ts';
import { SeededRandom } from './random.ts';
import { parseScenario, type Scenario } from './scenario.ts';

const NAMES = [
  'ada',
  'bob',
  'cyd',
  'dan',
  'eve',
  'fay',
  'gus',
  'hal',
  'ivy',
  'jon',
  'kim',
  'lea',
  'max',
  'ned',
  'oda',
  'pam',
];
const LATENCIES = [
  [0.2, 1],
  [1, 10],
  [1, 50],
] as const;
const DISKS = [
  [0, 0],
  [0.2, 1],
  [2, 30],
] as const;
/** Seconds without a mishap at the end; the scenario's own delays all fit in. */
const SETTLE_SECONDS = 75;

/** How many nodes, least and most. */
export interface NodeRange {
  readonly least: number;
  readonly most: number;
}

/** Most nodes that a random life may have. */
export const MOST_NODES = NAMES.length;

type Raw = Record<string, unknown>;

/**
 * One random life of a cluster, as a scenario file holds it: people's commands among mishaps of every kind, then
 * everything is repaired and left in peace.
 */
export function randomScenario(seed: number, { least, most }: NodeRange): Scenario {
  const random = new SeededRandom(seed);
  const count = least + random.below(most - least + 1);
  const names = NAMES.slice(0, count);
  const life = new RandomLife(random, names);
  const steps = life.steps();
  const scenario = parseScenario({
    name: `random ${seed}`,
    seed,
    nodes: names.map((id) => ({
      id,
      memoryGiB: random.pick([8, 8, 12, 16, 24]),
      ...(random.chance(0.2) && { clockSkewMs: Math.round(random.between(-90, 90) * SECOND) }),
    })),
    links: linksOf(random, names),
    models: [
      { id: 'Small', layers: 8, weightGiB: 1, tensor: true },
      { id: 'Medium', layers: 16, weightGiB: 5, cardDelayMs: 500 },
      { id: 'Large', layers: 32, weightGiB: 18, tensor: random.chance(0.5) },
    ],
    steps,
    until: life.seconds + SETTLE_SECONDS + 10,
    settleSeconds: SETTLE_SECONDS,
    timings: {
      downloadBytesPerSecond: 1_500 * MiB,
      loadBytesPerSecond: 8_000 * MiB,
      deadlineMs: 6 * SECOND,
      diskMs: random.pick(DISKS),
    },
    policy: { retryCapMs: 10 * SECOND },
    log: random.pick([
      { snapshotEvery: 1_000, retain: 1_000 },
      { snapshotEvery: 20, retain: 10 },
      { snapshotEvery: 10, retain: 0 },
    ]),
  });
  if (!scenario.ok)
    throw new Error(`the generator made a scenario with problems: ${scenario.problems.join('; ')}`);
  return scenario.scenario;
}

function linksOf(random: SeededRandom, names: readonly string[]): unknown {
  const latencyMs = random.pick(LATENCIES);
  if (random.chance(0.7)) return { mesh: { latencyMs } };
  const rdma = random.chance(0.5);
  const pairs = names.flatMap((a, at) => names.slice(at + 1).map((b, gap) => ({ a, b, near: gap === 0 })));
  return pairs
    .filter(({ near }) => near || random.chance(0.6))
    .map(({ a, b }) => ({
      between: [a, b],
      latencyMs,
      kind: rdma ? 'Thunderbolt' : 'Ethernet',
      ...(rdma && { rdmaDevices: [`rdma_${b}`, `rdma_${a}`] }),
    }));
}

class RandomLife {
  seconds = 0;
  readonly #random: SeededRandom;
  readonly #names: string[];
  readonly #steps: Raw[] = [];
  #tasks = 0;

  constructor(random: SeededRandom, names: readonly string[]) {
    this.#random = random;
    this.#names = [...names];
  }

  steps(): Raw[] {
    const random = this.#random;
    if (random.chance(0.8)) this.#wait(random.between(0, 3));
    if (random.chance(0.7)) {
      this.#do('create', { name: 'chat', node: this.#node(), model: random.pick(['Small', 'Large']) });
      this.#wait(random.between(0, 20));
    }
    const mishaps = this.#mishaps();
    for (let left = 6 + random.below(22); left > 0; left -= 1) {
      if (random.chance(0.45)) this.#ask();
      else random.pick(mishaps)();
      this.#wait(
        random.pick([
          0,
          random.between(0, 0.1),
          random.between(0, 1),
          random.between(0, 8),
          random.between(5, 20),
        ]),
      );
    }
    this.#repair();
    return this.#steps;
  }

  #wait(seconds: number): void {
    this.seconds = Math.round((this.seconds + seconds) * 1_000) / 1_000;
  }

  #do(verb: string, fields: Raw = {}): void {
    this.#steps.push({ at: this.seconds, do: verb, ...fields });
  }

  #ask(): void {
    const random = this.#random;
    const asked = { name: random.pick(['chat', 'chat', 'code', 'draw']), node: this.#node() };
    if (random.chance(0.1)) {
      // A name used again while what it named still ends.
      this.#do('delete', asked);
      this.#wait(random.between(0, 0.6));
      return this.#do('create', { ...asked, model: 'Small' });
    }
    if (random.chance(0.1)) return this.#compete();
    const verb = random.pick([
      'create',
      'create',
      'create',
      'delete',
      'retry',
      'update',
      'pause',
      'resume',
      'load',
      'startTask',
      'startTask',
      'startTask',
      'cancelTask',
      'hangUp',
      'placeInstance',
      'createInstance',
      'deleteInstance',
    ]);
    switch (verb) {
      case 'create':
        return this.#do(verb, {
          ...asked,
          model: random.pick(['Small', 'Medium', 'Medium', 'Large', 'Large']),
          ...(random.chance(0.2) && { nodes: [this.#node()] }),
          spec: {
            ...(random.chance(0.3) && { minNodes: Math.min(2, this.#names.length) }),
            ...(random.chance(0.2) && { sharding: 'Tensor' }),
            ...(random.chance(0.2) && { interconnect: 'MlxJaccl' }),
            ...(random.chance(0.2) && { placement: 'fastest' }),
            ...(random.chance(0.2) && { idleUnloadSeconds: random.pick([10, 60]) }),
            ...(random.chance(0.6) && { priority: random.pick([10, 60, 90]), preempt: random.chance(0.8) }),
          },
        });
      case 'update':
        return this.#do(verb, {
          ...asked,
          changes: random.pick<Raw>([
            { contextLength: 1024 + random.below(3) * 512 },
            { modelId: 'Medium' },
            { minNodes: 1 },
            { priority: 80, preempt: true },
            { placement: 'fastest' },
          ]),
        });
      case 'startTask':
        this.#tasks += 1;
        return this.#do(verb, {
          ...asked,
          task: `task-${this.#tasks}`,
          seconds: Math.round(random.between(0, 60)),
        });
      case 'hangUp':
        return this.#do(verb, { task: this.#task() });
      case 'cancelTask':
        return this.#do(verb, { node: asked.node, task: this.#task() });
      case 'placeInstance':
        return this.#do(verb, { node: asked.node, model: random.pick(['Small', 'Large']) });
      case 'createInstance':
        return this.#do(verb, {
          node: asked.node,
          instance: random.pick(['hand-made', 'home-made']),
          model: random.pick(['Small', 'Medium']),
          nodes: this.#fewNodes(),
        });
      case 'deleteInstance': {
        const byId = random.chance(0.3);
        const which = byId ? { instance: random.pick(['hand-made', 'home-made']) } : { name: asked.name };
        return this.#do(verb, { node: asked.node, ...which });
      }
      default:
        return this.#do(verb, asked);
    }
  }

  /** Two that do not fit on one small node, the second the more important. */
  #compete(): void {
    const node = this.#node();
    const alike = { node, model: 'Medium', nodes: [node] };
    this.#do('create', { name: 'code', ...alike, spec: { priority: 10 } });
    this.#wait(this.#random.between(0, 8));
    this.#do('create', { name: 'draw', ...alike, spec: { priority: 90, preempt: true } });
  }

  #mishaps(): readonly (() => void)[] {
    const random = this.#random;
    const phase = (): string => random.pick(['Starting', 'Connecting', 'Loading', 'WarmingUp', 'Serving']);
    const times = (): number => 1 + random.below(random.pick([1, 3, 6]));
    const how = (): string => random.pick(['closed', 'closed', 'silent']);
    return [
      () => this.#do('kill', { node: this.#node() }),
      () => this.#do('start', { node: this.#node() }),
      () => this.#do('restart', { node: this.#node(), downSeconds: Math.round(random.between(0, 10)) }),
      () => this.#do('quit', { node: this.#node() }),
      () => this.#do('freeze', { node: this.#node() }),
      () => this.#do('thaw', { node: this.#node() }),
      () => this.#do('powerCut', random.chance(0.5) ? {} : { nodes: [this.#node()] }),
      () => this.#do('powerOn'),
      () => this.#partition(how()),
      () => this.#do('heal'),
      () => this.#link('cutLink', { how: how(), way: random.pick(['both', 'forth']) }),
      () => this.#link('restoreLink', {}),
      () =>
        this.#link('slowLink', {
          way: random.pick(['both', 'forth']),
          latencyMs: [20, random.pick([40, 400])],
          lossPercent: random.pick([0, 10, 40]),
        }),
      () => random.chance(0.3) && this.#join(),
      () => this.#do('changeAddress', { node: this.#node() }),
      () => this.#do('rdmaOff', { node: this.#node() }),
      () => this.#do('diskFull', { node: this.#node() }),
      () => this.#do('diskFree', { node: this.#node() }),
      () => this.#do('fsyncError', { node: this.#node(), times: times() }),
      () => random.chance(0.3) && this.#do('diskLost', { node: this.#node() }),
      () => this.#do('clockSkew', { node: this.#node(), ms: Math.round(random.between(-60, 60) * SECOND) }),
      () => this.#do('memory', { node: this.#node(), takenGiB: random.pick([0, 2, 6]) }),
      () => this.#do('runnerFails', { ...this.#maybeNode(), phase: phase(), times: times() }),
      () => this.#do('runnerFails', { ...this.#maybeNode(), phase: phase(), times: times() }),
      () => this.#do('runnerExits', { ...this.#maybeNode(), times: times() }),
      () => this.#do('runnerHangs', { ...this.#maybeNode(), phase: phase(), times: times() }),
      () => this.#do('killRunner', this.#maybeNode()),
      () => this.#do('hangUp', { task: this.#task() }),
      () => this.#do('downloadFails', { node: this.#node(), times: 1 + random.below(3) }),
      () => this.#do('downloadStalls', { node: this.#node(), seconds: Math.round(random.between(1, 15)) }),
    ];
  }

  /** A computer that was not there before; from here on it suffers as the others do. */
  #join(): void {
    const id = NAMES.find((name) => !this.#names.includes(name));
    if (id === undefined) return;
    this.#do('join', { as: { id, memoryGiB: this.#random.pick([8, 16]) } });
    this.#names.push(id);
  }

  #fewNodes(): string[] {
    const [one, other] = [this.#node(), this.#node()];
    return one === other || this.#random.chance(0.5) ? [one] : [one, other];
  }

  #partition(how: string): void {
    const side = this.#names.filter(() => this.#random.chance(0.5));
    const other = this.#names.filter((name) => !side.includes(name));
    if (side.length > 0 && other.length > 0) this.#do('partition', { sides: [side, other], how });
  }

  #link(verb: string, fields: Raw): void {
    const [a, b] = [this.#node(), this.#node()];
    if (a !== b) this.#do(verb, { link: [a, b], ...fields });
  }

  /** One of the newest, which may still run. */
  #task(): string {
    return `task-${Math.max(1, this.#tasks - this.#random.below(2))}`;
  }

  #node(): string {
    return this.#random.pick(this.#names);
  }

  #maybeNode(): Raw {
    return this.#random.chance(0.6) ? { node: this.#node() } : {};
  }

  #repair(): void {
    this.#do('heal');
    for (const node of this.#names) {
      this.#do('diskFree', { node });
      this.#do('fsyncError', { node, times: 0 });
      this.#do('memory', { node, takenGiB: 0 });
      this.#do('thaw', { node });
      this.#do('start', { node });
    }
    this.#wait(1);
    this.#do('calm');
    for (const node of this.#names) this.#do('start', { node });
  }
}
