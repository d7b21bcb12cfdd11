import {
  closeSync,
  copyFileSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { ModelCard } from '../../main/core/model-card.ts';
import { realModel, root, textOf, World } from '../support/e2e-node.ts';
import { until } from '../support/e2e-until.ts';

const worlds: World[] = [];
afterEach(async () => {
  await Promise.all(worlds.splice(0).map((world) => world.close()));
});

function newWorld(): World {
  const world = new World();
  worlds.push(world);
  return world;
}

/** A user's card for a file of the data folder. */
function addCard(world: World, modelId: string, changes: Partial<ModelCard>): void {
  const path = join(root, 'resources', 'models', 'smollm2-135m-instruct.json');
  const card = ModelCard.parse(JSON.parse(readFileSync(path, 'utf8')));
  const own = { ...card, modelId, file: `${modelId}.gguf`, ...changes };
  writeFileSync(join(world.modelsDir, `${modelId}.json`), JSON.stringify(own));
}

describe('a model file of the data folder', () => {
  it('that is damaged fails three retries, rests with the reason, and is tried again when asked', async () => {
    const world = newWorld();
    const path = join(world.modelsDir, 'damaged.gguf');
    copyFileSync(realModel, path);
    const file = openSync(path, 'r+');
    // The number of tensors.
    writeSync(file, Buffer.alloc(8, 0x7f), 0, 8, 8);
    closeSync(file);
    addCard(world, 'damaged', { sha256: null, fileBytes: statSync(path).size });

    const node = await world.start('--log-level', 'error');
    await node.create('broken', { model_id: 'damaged' });
    const labels = new Set<string>();
    const failed = await node.untilIs('broken', 'has failed for good', ({ phase, phaseLabel }) => {
      labels.add(phaseLabel);
      return phase === 'FAILED';
    });
    expect([...labels]).toEqual(
      expect.arrayContaining(['RETRYING 1/3', 'RETRYING 2/3', 'RETRYING 3/3', 'FAILED']),
    );
    expect(failed).toMatchObject({ instanceId: null, nextAttemptAt: null, lastFailure: { attempt: 3 } });
    expect(failed.lastFailure?.message).toMatch(/damaged\.gguf/);
    expect(world.runners).toEqual([]);
    const refused = await node.chat('broken', 'Hi.').catch(String);
    expect(refused).toMatch(/503 .*broken is FAILED.*damaged\.gguf/);

    expect((await node.ask('/meta_instance/broken/retry', { method: 'POST' })).status).toBe(200);
    const retried = await node.untilIs('broken', 'is tried again', ({ phaseLabel }) =>
      phaseLabel.startsWith('RETRYING 1'),
    );
    expect(retried.lastFailure).toMatchObject({ attempt: 0 });
    // Put right by a person, the next retry finds it.
    rmSync(path);
    symlinkSync(realModel, path);
    const cured = await node.untilPhase('broken', 'READY');
    expect(cured.consecutiveFailures).toBeGreaterThan(0);
  });

  it('that is missing is waited for, with words that say what is missing, and costs no attempt', async () => {
    const world = newWorld();
    addCard(world, 'absent', { sha256: null });
    const node = await world.start('--log-level', 'error');
    await node.create('waiting', { model_id: 'absent' });
    const waiting = await node.untilIs(
      'waiting',
      'says what is missing',
      ({ phase, conditions }) =>
        phase === 'DOWNLOADING' && conditions.Downloaded?.reason === 'DownloadFailed',
    );
    expect(waiting.conditions.Downloaded?.message).toMatch(
      /absent\.gguf does not exist.*Put absent\.gguf .* into/,
    );
    expect(waiting).toMatchObject({ consecutiveFailures: 0, lastFailure: null });
    await until('the terminal says it', () => node.stdout.includes('absent.gguf does not exist'), 1_000);
    expect(world.runners).toEqual([]);
    symlinkSync(realModel, join(world.modelsDir, 'absent.gguf'));
    const ready = await node.untilPhase('waiting', 'READY');
    expect(ready).toMatchObject({ consecutiveFailures: 0, lastFailure: null });
    expect(textOf(await node.chat('absent', 'What is the capital of France?', { max_tokens: 20 }))).toContain(
      'Paris',
    );
  });
});
