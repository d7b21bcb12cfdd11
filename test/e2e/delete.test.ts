import { readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { MetaInstanceView } from '../../main/core/contract/rest.ts';
import { ModelCard } from '../../main/core/model-card.ts';
import { endless, MODEL, realModel, root, textOf, World, type SkeinProcess } from '../support/e2e-node.ts';
import { moment, seeded, until } from '../support/e2e-until.ts';

const VERIFICATIONS = 6;
const ROUNDS = 10;
const LATEST_MS = 900;

const world = new World();
let node: SkeinProcess;

beforeAll(async () => {
  // Each link is a file of its own to the node, so each is hashed once.
  const path = join(root, 'resources', 'models', 'smollm2-135m-instruct.json');
  const card = ModelCard.parse(JSON.parse(readFileSync(path, 'utf8')));
  const addCard = (name: string, changes: Partial<ModelCard> = {}): void => {
    const own = { ...card, modelId: name, file: `${name}.gguf`, ...changes };
    writeFileSync(join(world.modelsDir, `${name}.json`), JSON.stringify(own));
  };
  for (let number = 0; number < VERIFICATIONS; number += 1) {
    symlinkSync(realModel, join(world.modelsDir, `link-${number}.gguf`));
    addCard(`link-${number}`);
  }
  writeFileSync(join(world.modelsDir, 'poem.gguf'), 'I am a poem, not a model.');
  addCard('poem', { fileBytes: 25, sha256: null });
  addCard('nowhere');
  node = await world.start('--log-level', 'warn');
});
afterAll(() => world.close());

/** Creates; one that is still being deleted is asked for again until its name is free. */
async function create(name: string, body: Readonly<Record<string, unknown>> = {}): Promise<void> {
  await until(`${name} is created`, async () => {
    const { status, text } = await node.create(name, body);
    if (status !== 200 && status !== 409) throw new Error(text);
    return status === 200;
  });
}

/** Deletes twice at once and a third time later: all are accepted, or it is gone already. */
async function deleteThrice(name: string): Promise<void> {
  const twice = await Promise.all([node.delete(name), node.delete(name)]);
  expect(twice[0].status).toBe(200);
  for (const { status, text } of [twice[1], await node.delete(name)]) {
    expect([200, 404], text).toContain(status);
  }
}

async function expectNothingLeft(): Promise<void> {
  expect(world.runners).toEqual([]);
  const state = await node.state();
  expect(state).toMatchObject({ metaInstances: {}, instances: {}, runners: {}, tasks: {} });
  const downloads = Object.values(state.downloads).flat();
  expect(downloads.filter((each) => !('DownloadCompleted' in each))).toEqual([]);
}

async function phaseOf(name: string): Promise<MetaInstanceView['phase'] | undefined> {
  return (await node.metaInstance(name))?.phase;
}

describe('a delete', () => {
  it('while the file is verified ends that, and nothing is left', async () => {
    const random = seeded(11);
    const phases: unknown[] = [];
    for (let number = 0; number < VERIFICATIONS; number += 1) {
      await create('verified', { model_id: `link-${number}` });
      await moment(40 * random());
      phases.push(await phaseOf('verified'));
      await deleteThrice('verified');
      await node.untilGone('verified');
      await expectNothingLeft();
    }
    expect(phases).toContain('DOWNLOADING');
  });

  it(`at ${ROUNDS} moments of a start leaves nothing, and the name can be used again at once`, async () => {
    const random = seeded(4);
    const phases = new Set<unknown>();
    for (let round = 0; round < ROUNDS; round += 1) {
      await create('short-lived');
      await moment(LATEST_MS * random());
      phases.add(await phaseOf('short-lived'));
      await deleteThrice('short-lived');
      // Half of the rounds go on without waiting: the next create meets the one before.
      if (round % 2 === 0) continue;
      await node.untilGone('short-lived');
      await expectNothingLeft();
    }
    // Which ones depends on the machine.
    expect(phases.size).toBeGreaterThan(1);
    await create('short-lived');
    const { consecutiveFailures, lastFailure } = await node.untilPhase('short-lived', 'READY');
    expect({ consecutiveFailures, lastFailure }).toEqual({ consecutiveFailures: 0, lastFailure: null });
    expect(world.runners).toHaveLength(1);
    const answer = await node.chat('short-lived', 'What is the capital of France?', { max_tokens: 20 });
    expect(textOf(answer)).toContain('Paris');
    await node.delete('short-lived');
    await node.untilGone('short-lived');
  });

  it('while it answers tells its clients so, streaming or not, also those that wait', async () => {
    await node.createReady('busy');
    const streams = [1, 2, 3, 4, 5].map(() => node.stream('busy', endless.content, endless.more));
    const whole = node.ask('/v1/chat/completions', {
      body: { model: 'busy', messages: [{ role: 'user', content: endless.content }], ...endless.more },
    });
    await until('four write', () => streams.filter(({ textAt }) => textAt.length > 1).length === 4);
    await deleteThrice('busy');
    await Promise.all(streams.map(({ ended }) => ended));
    for (const { status, done, error } of streams) {
      expect({ status, done }).toEqual({ status: 200, done: true });
      expect(error?.message).toContain('the model was deleted');
    }
    expect(await whole).toMatchObject({
      json: { error: { message: expect.stringContaining('the model was deleted') as unknown } },
    });
    await node.untilGone('busy');
    await expectNothingLeft();
  });

  it.each<[MetaInstanceView['phase'], Readonly<Record<string, unknown>>]>([
    ['RETRYING', { model_id: 'poem' }],
    ['PLACEMENT FAILED', { context_length: 8192, node_ids: ['nobody-knows-me'] }],
    ['DOWNLOADING', { model_id: 'nowhere' }],
  ])('of one that is %s ends that, and the name is free', async (phase, body) => {
    await create('stuck', body);
    await node.untilPhase('stuck', phase);
    await deleteThrice('stuck');
    await node.untilGone('stuck', 2_000);
    await expectNothingLeft();
    await node.createReady('stuck');
    await node.delete('stuck');
    await node.untilGone('stuck');
  });

  it('of what never was is said', async () => {
    expect(await node.delete('never-was')).toMatchObject({ status: 404, json: { error: { param: 'id' } } });
    expect((await node.chat(MODEL, 'x').catch(String)) as string).toContain('404');
  });

  it('caused no warning or error in the log of the node, but for the file that is no model', () => {
    const lines = node.stderr.split('\n').filter((line) => / (warn|error) /.test(line));
    expect(lines.filter((line) => !line.includes('poem.gguf'))).toEqual([]);
  });
});
