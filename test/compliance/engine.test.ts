import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll } from 'vitest';
import { openMlxEngine } from '../../main/runner/mlx-engine.ts';
import { END_TOKEN, fakeEngine } from '../support/fake-engine.ts';
import { engineSuite } from './engine.suite.ts';

const folder = mkdtempSync(join(tmpdir(), 'skein-fake-model-'));
const fakeModel = join(folder, 'tiny.gguf');
writeFileSync(fakeModel, 'GGUF and nothing more');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

engineSuite('the fake engine', {
  create: fakeEngine(),
  modelPath: () => fakeModel,
  layers: 4,
  prompt: (length) => Int32Array.from({ length }, (_, index) => 65 + (index % 26)),
  endToken: END_TOKEN,
});

engineSuite('the MLX engine with SmolLM2-135M', {
  create: openMlxEngine(),
  modelPath: () =>
    fileURLToPath(new URL('../../.cache/models/SmolLM2-135M-Instruct.Q4_1.gguf', import.meta.url)),
  layers: 30,
  prompt: (length) => Int32Array.from({ length }, (_, index) => 1_000 + 37 * index),
  endToken: 2,
});
