import { existsSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { endless, textOf, World, type SkeinProcess } from '../support/e2e-node.ts';
import { moment, seeded, until } from '../support/e2e-until.ts';

let world: World;
beforeEach(() => {
  world = new World();
});
afterEach(() => world.close());

/** Everything at once and without a word, as when the power goes; the node first, so that it sees no runner fail. */
async function cutPower(node: SkeinProcess): Promise<void> {
  const { runners } = world;
  node.signal('SIGKILL');
  for (const { pid } of runners) kill(pid);
  await node.ended;
  await world.untilNothingRuns();
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It lost its node and ended by itself.
  }
}

async function expectAnswers(node: SkeinProcess, name: string): Promise<void> {
  const answer = await node.chat(name, 'What is the capital of France?', { max_tokens: 20 });
  expect(textOf(answer)).toContain('Paris');
}

const names = async (node: SkeinProcess): Promise<string[]> =>
  Object.keys((await node.ask('/meta_instances')).json as object).sort();

describe('after a power cut', () => {
  it('what was ready and answering is back and ready with no command, what was deleted is not', async () => {
    const node = await world.start('--starter');
    await node.untilPhase('starter', 'READY');
    await node.createReady('kept');
    await node.delete('starter');
    await node.untilGone('starter');
    const stream = node.stream('kept', endless.content, endless.more);
    await until('it writes', () => stream.textAt.length > 2);
    const nodeId = (await node.ask('/node_id')).json;
    await cutPower(node);
    await stream.ended;

    const again = await world.start('--starter');
    expect((await again.ask('/node_id')).json).toBe(nodeId);
    const back = await again.untilPhase('kept', 'READY');
    expect(back).toMatchObject({ consecutiveFailures: 0, lastFailure: null, phase: 'READY' });
    expect(await names(again)).toEqual(['kept']);
    expect(await again.state()).toMatchObject({ tasks: {} });
    expect(world.runners).toHaveLength(1);
    await expectAnswers(again, 'kept');
    expect(again.stderr).not.toMatch(/ error /);
  });

  it('at any moment of a first start with the starter, the starter is there in the end, once', async () => {
    const random = seeded(9);
    // Cut after its first event and before the starter's.
    await cutPower(await world.start());
    for (let cut = 0; cut < 4; cut += 1) {
      const node = world.spawn('--starter');
      await moment(150 + 500 * random());
      await cutPower(node);
    }
    const node = await world.start('--starter');
    await node.untilPhase('starter', 'READY');
    expect(await names(node)).toEqual(['starter']);
    expect(world.runners).toHaveLength(1);
  });

  it('at moments of creating and deleting, every acknowledged command holds', async () => {
    const random = seeded(21);
    const wanted = new Set<string>();
    for (let cut = 0; cut < 4; cut += 1) {
      const node = await world.start();
      expect(await names(node)).toEqual([...wanted].sort());
      const name = `made-${cut}`;
      const acknowledged = node.create(name).then(({ status }) => status === 200);
      if (cut % 2 === 0) {
        expect(await acknowledged).toBe(true);
        wanted.add(name);
      } else {
        // Nobody heard an answer: it may be there or not, but then wholly.
        await acknowledged.catch(() => false);
        expect((await node.delete(name)).status).toBe(200);
        await node.untilGone(name);
      }
      await moment(500 * random());
      await cutPower(node);
    }
    const node = await world.start();
    expect(await names(node)).toEqual([...wanted].sort());
    for (const name of wanted) {
      const { consecutiveFailures, lastFailure } = await node.untilPhase(name, 'READY');
      expect({ consecutiveFailures, lastFailure }).toEqual({ consecutiveFailures: 0, lastFailure: null });
    }
    expect(world.runners).toHaveLength(wanted.size);
  });
});

describe('a node that is killed alone', () => {
  it('takes its runner with it', async () => {
    const node = await world.start();
    await node.createReady('left');
    node.signal('SIGKILL');
    await node.ended;
    await world.untilNothingRuns(3_000);
  });

  it('leaves a stopped runner to the next start, which ends it first', async () => {
    const node = await world.start();
    await node.createReady('left');
    const [runner] = world.runners;
    process.kill(runner!.pid, 'SIGSTOP');
    node.signal('SIGKILL');
    await node.ended;
    expect(world.runners.map(({ pid }) => pid)).toEqual([runner!.pid]);

    const again = await world.start();
    expect(again.stderr).toContain('Ending a runner that an earlier node left behind');
    expect(world.runners.map(({ pid }) => pid)).not.toContain(runner!.pid);
    await again.untilPhase('left', 'READY');
    expect(world.runners).toHaveLength(1);
    await expectAnswers(again, 'left');
  });
});

describe('an event log', () => {
  const eventsPath = (): string => join(world.dataDir, 'events.sqlite');

  async function leaveLog(): Promise<void> {
    const node = await world.start();
    for (const name of ['one', 'two', 'three']) await node.create(name);
    expect(await node.stop()).toEqual({ code: 0, signal: null });
  }

  it.each<[string, (path: string) => void]>([
    ['whose bytes were overwritten', (path) => overwrite(path)],
    ['that was cut to half', (path) => truncateSync(path, Math.floor(statSync(path).size / 2))],
    ['that is something else', (path) => writeFileSync(path, 'no database at all'.repeat(1_000))],
  ])('%s is set aside with a word, and the node starts and works', async (_, damage) => {
    await leaveLog();
    damage(eventsPath());
    const node = await world.start();
    expect(node.stderr).toMatch(/ warn .*event log .*damaged/);
    const aside = readdirSync(world.dataDir).filter((name) => name.includes('.corrupt-'));
    expect(aside.length).toBeGreaterThan(0);
    expect(node.stderr).toContain(aside[0]);
    const kept = await names(node);
    expect(['one', 'two', 'three']).toEqual(expect.arrayContaining(kept));
    await node.create('after');
    await node.untilPhase('after', 'READY');
    await expectAnswers(node, 'after');
    expect(existsSync(eventsPath())).toBe(true);
  });

  it('that is gone is begun anew: nothing is left of what was, and nothing is in the way', async () => {
    await leaveLog();
    const saved = readFileSync(join(world.dataDir, 'identity.pem'), 'utf8');
    for (const name of readdirSync(world.dataDir)) {
      if (name.startsWith('events.sqlite')) truncateSync(join(world.dataDir, name), 0);
    }
    const node = await world.start();
    expect(await names(node)).toEqual([]);
    expect(readFileSync(join(world.dataDir, 'identity.pem'), 'utf8')).toBe(saved);
  });
});

/** Every page but the first loses some bytes. */
function overwrite(path: string): void {
  const bytes = readFileSync(path);
  const random = seeded(33);
  for (let start = 4096; start < bytes.length; start += 512) {
    const at = Math.min(start + Math.floor(512 * random()), bytes.length - 1);
    bytes.writeUInt8(bytes.readUInt8(at) ^ 0xff, at);
  }
  writeFileSync(path, bytes);
}
