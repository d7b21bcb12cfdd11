import { createHash } from 'node:crypto';
import { execFile } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadAddon } from '../../native/index.ts';
import { type Answer, answer, GREEDY, type LoadedEngine, openEngine } from './reference/answer.ts';
import { readGreedy } from './reference/read.ts';

const LARGEST_LOGIT_DIFFERENCE = 1e-3;
const CHILD_TIMEOUT_MS = 110_000;

const reference = readGreedy();
const names = reference.prompts.map(({ name }) => name);
const modelPath = fileURLToPath(new URL(`../../.cache/models/${reference.file}`, import.meta.url));
const run = promisify(execFile);

/** The answers of the addon in a process of its own, where the environment chooses the kernel. */
async function answersOf(
  kernel: string,
  prompts: readonly string[],
): Promise<{ kernel: string; answers: Answer[] }> {
  const program = fileURLToPath(new URL('./reference/answer.ts', import.meta.url));
  const { stdout } = await run(process.execPath, [program, modelPath, ...prompts], {
    env: { ...process.env, SKEIN_CPU_KERNEL: kernel },
    timeout: CHILD_TIMEOUT_MS,
    killSignal: 'SIGKILL',
  });
  return JSON.parse(stdout) as { kernel: string; answers: Answer[] };
}

function expectReference({ name, greedy, worstLogit }: Answer): void {
  const expected = reference.prompts.find((prompt) => prompt.name === name);
  expect({ name, greedy }).toEqual({ name, greedy: expected?.greedy });
  expect(worstLogit).toBeLessThanOrEqual(LARGEST_LOGIT_DIFFERENCE);
}

describe('the addon beside mlx-lm on the same weights', () => {
  let engine: LoadedEngine;

  beforeAll(async () => {
    engine = await openEngine(loadAddon(), modelPath);
  });
  afterAll(async () => {
    await engine.close();
  });

  test('the reference was made from this very file and has prompts enough', async () => {
    const hash = createHash('sha256');
    for await (const chunk of createReadStream(modelPath)) hash.update(chunk as Buffer);
    expect(hash.digest('hex')).toBe(reference.sha256);
    expect(reference.prompts.length).toBeGreaterThanOrEqual(5);
    expect(reference.prompts.map(({ greedy }) => greedy.length)).toEqual(names.map(() => 64));
  });

  for (const name of names) {
    test(`prompt "${name}" → the same 64 greedy tokens, logits within 1e-3`, async () => {
      expectReference(await answer(engine, name));
    });
  }

  test('all prompts at once → the same tokens as one by one', async () => {
    const answers = await Promise.all(
      reference.prompts.map(({ prompt, greedy }) =>
        engine.generate({ prompt: Int32Array.from(prompt), maxTokens: greedy.length, sampling: GREEDY }),
      ),
    );
    expect(answers).toEqual(reference.prompts.map(({ greedy }) => greedy));
  });

  test('the portable kernel → the same tokens and logits', async () => {
    const { kernel, answers } = await answersOf('portable', ['chat', 'single token']);
    expect(kernel).toBe('portable');
    for (const one of answers) expectReference(one);
    expect(answers.map(({ name }) => name)).toEqual(['chat', 'single token']);
  });

  test('the same seed → the same tokens, whatever else runs; another seed → others', async () => {
    const prompt = Int32Array.from(reference.prompts[0]?.prompt ?? []);
    const draw = (seed: bigint): Promise<number[]> =>
      engine.generate({ prompt, maxTokens: 48, sampling: { ...GREEDY, temperature: 1, topP: 0.95, seed } });
    const alone = await draw(7n);
    const [again, other] = await Promise.all([draw(7n), draw(8n), draw(9n)]);
    expect(again).toEqual(alone);
    expect(other).not.toEqual(alone);
    expect(alone).not.toEqual(reference.prompts[0]?.greedy.slice(0, 48));
  });
});
