import { afterAll, beforeAll, expect, it } from 'vitest';
import type { MetaInstancesAnswer } from '../../main/core/contract/rest.ts';
import type { ChatStream } from '../support/e2e-stream.ts';
import { endless, World, type SkeinProcess } from '../support/e2e-node.ts';
import { moment, seeded, until } from '../support/e2e-until.ts';

/** `SKEIN_CHAOS_MS` lets it go on for longer. */
const LASTS_MS = Number(process.env['SKEIN_CHAOS_MS'] ?? 6_000);
const NAMES = ['ash', 'birch', 'cedar'] as const;
/** `SKEIN_CHAOS_SEED` chooses another course. */
const seed = Number(process.env['SKEIN_CHAOS_SEED'] ?? 1);

const world = new World();
let node: SkeinProcess;
const streams: ChatStream[] = [];
/** What stands after every command that was acknowledged. */
const wanted = new Set<string>();

beforeAll(async () => {
  node = await world.start('--log-level', 'warn');
});
afterAll(() => world.close());

type Deed = readonly [weight: number, act: (name: string, random: () => number) => unknown];

const deeds: readonly Deed[] = [
  [25, (name) => create(name)],
  [15, (name) => remove(name)],
  [8, (_, random) => signalSomeRunner('SIGKILL', random)],
  [2, (_, random) => signalSomeRunner('SIGSTOP', random)],
  [17, (name, random) => talk(name, random)],
  [6, (name) => retry(name)],
  [3, (_, random) => cutAndStart(random)],
  [2, () => restart()],
  [22, (_, random) => moment(400 * random())],
];

async function create(name: string): Promise<void> {
  const { status } = await node.create(name, { context_length: 512 });
  expect([200, 409]).toContain(status);
  if (status === 200) wanted.add(name);
}

async function remove(name: string): Promise<void> {
  const { status } = await node.delete(name);
  expect([200, 404]).toContain(status);
  wanted.delete(name);
}

async function retry(name: string): Promise<void> {
  const { status } = await node.ask(`/meta_instance/${name}/retry`, { method: 'POST' });
  expect([200, 404, 409]).toContain(status);
}

function talk(name: string, random: () => number): void {
  const stream = node.stream(name, endless.content, { ...endless.more, max_tokens: 40 });
  streams.push(stream);
  if (random() < 0.4) void moment(1_000 * random()).then(() => stream.leave());
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It ended between the look and the signal.
  }
}

function signalSomeRunner(name: NodeJS.Signals, random: () => number): void {
  const { runners } = world;
  const victim = runners[Math.floor(runners.length * random())];
  if (victim !== undefined) signal(victim.pid, name);
}

async function cutAndStart(random: () => number): Promise<void> {
  const { runners } = world;
  node.signal('SIGKILL');
  if (random() < 0.5) for (const { pid } of runners) signal(pid, 'SIGKILL');
  await node.ended;
  node = await world.start('--log-level', 'warn');
}

async function restart(): Promise<void> {
  expect(await node.stop('SIGTERM', 15_000)).toEqual({ code: 0, signal: null });
  node = await world.start('--log-level', 'warn');
}

it(`whatever people, signals and power cuts do in ${LASTS_MS / 1_000} s, what was asked for last is what runs (seed ${seed})`, async () => {
  const random = seeded(seed);
  const sum = deeds.reduce((total, [weight]) => total + weight, 0);
  const end = performance.now() + LASTS_MS;
  while (performance.now() < end) {
    let drawn = sum * random();
    const deed = deeds.find(([weight]) => (drawn -= weight) < 0) ?? deeds[0]!;
    await deed[1](NAMES[Math.floor(NAMES.length * random())]!, random);
  }

  await Promise.all(streams.map(({ ended }) => ended));
  const refusals = streams.filter(({ status }) => status !== undefined && status !== 200);
  expect(refusals.filter(({ error }) => error?.code !== 404 && error?.code !== 503)).toEqual([]);
  const settled = (all: MetaInstancesAnswer): boolean =>
    Object.values(all).every(({ phase }) => phase === 'READY' || phase === 'FAILED');
  let seen: MetaInstancesAnswer = {};
  await until(
    () => `only ${[...wanted].join(', ')} and each at rest; there is ${JSON.stringify(seen)}\n${node.stderr}`,
    async () => {
      seen = (await node.ask('/meta_instances')).json as MetaInstancesAnswer;
      return JSON.stringify(Object.keys(seen).sort()) === JSON.stringify([...wanted].sort()) && settled(seen);
    },
    60_000,
  );
  const ready = Object.values(seen).filter(({ phase }) => phase === 'READY').length;
  expect(world.runners).toHaveLength(ready);
  expect((await node.state()).tasks).toEqual({});
  expect(node.stderr).not.toMatch(/ error /);
});
