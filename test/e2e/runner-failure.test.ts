import { describe, expect, it } from 'vitest';
import type { MetaInstanceView } from '../../main/core/contract/rest.ts';
import type { ChatStream } from '../support/e2e-stream.ts';
import { endless, textOf, World, type SkeinProcess } from '../support/e2e-node.ts';
import { until } from '../support/e2e-until.ts';

function newWorld(onTestFinished: (close: () => Promise<void>) => void): World {
  const world = new World();
  onTestFinished(() => world.close());
  return world;
}

function onlyRunner(world: World): number {
  const { runners } = world;
  expect(runners).toHaveLength(1);
  return runners[0]!.pid;
}

async function untilStreaming(node: SkeinProcess, name: string): Promise<ChatStream> {
  const stream = node.stream(name, endless.content, endless.more);
  await until('it writes', () => stream.textAt.length > 2);
  return stream;
}

/** Sees the failure in time and said; returns how it looked. */
async function untilNoticed(
  node: SkeinProcess,
  expected: { readonly withinMs: number; readonly label: string; readonly message: RegExp },
): Promise<MetaInstanceView> {
  const failed = await node.untilIs(
    'victim',
    'is RETRYING with what failed',
    // The failure is one event, what comes of it the next.
    ({ phase, lastFailure }) => phase === 'RETRYING' && lastFailure != null,
    expected.withinMs,
  );
  expect(failed.phaseLabel).toBe(expected.label);
  expect(failed.lastFailure?.message).toMatch(expected.message);
  return failed;
}

async function expectReplaced(world: World, node: SkeinProcess, pid: number): Promise<void> {
  await node.untilPhase('victim', 'READY');
  expect(onlyRunner(world)).not.toBe(pid);
  const answer = await node.chat('victim', 'What is the capital of France?', { max_tokens: 20 });
  expect(textOf(answer)).toContain('Paris');
}

describe.concurrent('a runner of a node', () => {
  it('killed at rest and in an answer is replaced each time, and the count is forgotten once it stayed ready', async ({
    onTestFinished,
  }) => {
    const world = newWorld(onTestFinished);
    const node = await world.start();
    await node.createReady('victim');

    const first = onlyRunner(world);
    process.kill(first, 'SIGKILL');
    const message = /: While serving .*SIGKILL/;
    const failed = await untilNoticed(node, { withinMs: 2_000, label: 'RETRYING 1/3', message });
    expect(failed.lastFailure?.attempt).toBe(0);
    await expectReplaced(world, node, first);
    expect(await node.metaInstance('victim')).toMatchObject({
      consecutiveFailures: 1,
      lastFailure: failed.lastFailure,
    });

    const second = onlyRunner(world);
    const stream = await untilStreaming(node, 'victim');
    process.kill(second, 'SIGKILL');
    await untilNoticed(node, { withinMs: 2_000, label: 'RETRYING 2/3', message });
    await stream.ended;
    expect(stream).toMatchObject({
      done: true,
      error: { message: expect.stringMatching(/SIGKILL/) as unknown },
    });
    await expectReplaced(world, node, second);

    const ready = await node.metaInstance('victim');
    expect(ready).toMatchObject({ consecutiveFailures: 2, lastFailure: { attempt: 1 } });
    const settled = await node.untilIs('victim', 'is settled', (view) => view.consecutiveFailures === 0);
    // By the node's own clock, and the same for as long as it is ready.
    expect(Date.now() - settled.conditions.Ready!.since).toBeGreaterThan(9_990);
    expect(settled).toMatchObject({ phase: 'READY', lastFailure: { attempt: 1 } });
  });

  it.for<[string, boolean]>([
    ['at rest', false],
    ['in an answer', true],
  ])('stopped %s is noticed in time, said, ended and replaced', async ([, answering], { onTestFinished }) => {
    const world = newWorld(onTestFinished);
    const node = await world.start();
    await node.createReady('victim');
    const pid = onlyRunner(world);
    const stream = answering ? await untilStreaming(node, 'victim') : undefined;
    process.kill(pid, 'SIGSTOP');
    const message = /: While serving, .* stopped answering/;
    await untilNoticed(node, { withinMs: 5_000, label: 'RETRYING 1/3', message });
    await stream?.ended;
    if (stream)
      expect(stream).toMatchObject({
        done: true,
        error: { message: expect.stringMatching(/stopped answering/) as unknown },
      });
    await expectReplaced(world, node, pid);
  });
});
