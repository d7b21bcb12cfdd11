/**
 * Child of process.test.ts: `exit-mid-generation.ts <model> <layers> <how>`. Starts a generation and ends this process in
 * the midst of it: `exit` by process.exit(0), `return` by an empty event loop of an engine at rest that nobody closed,
 * `signal` by waiting to be ended, `throw` by an exception out of the listener, `worker` by ending a worker thread that
 * generates.
 */
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { loadAddon } from '../../../native/index.ts';

const [model = '', layers = '0', how = 'exit'] = process.argv.slice(2);
if (how === 'worker' && isMainThread) {
  const worker = new Worker(new URL(import.meta.url), { argv: [model, layers, how] });
  await new Promise((resolve) => worker.once('message', resolve));
  await worker.terminate();
  process.exit(0);
}
let tokens = 0;
const engine = loadAddon().createEngine((batch) => {
  for (const { token } of batch) if (token !== undefined) tokens += 1;
  if (tokens < 3) return;
  if (how === 'worker') parentPort?.postMessage('generating');
  if (how === 'exit') process.exit(0);
  if (how === 'throw') throw new Error('the listener is broken');
  if (how === 'signal' && tokens === 3) process.stdout.write('generating\n');
});
await engine.load(
  {
    path: model,
    firstLayer: 0,
    lastLayer: Number(layers),
    limits: { maxTasks: 2, maxQueued: 2, contextTokens: 4096, prefillChunk: 64, kvBytes: 2 ** 30 },
  },
  () => {},
);
engine.submit({
  prompt: Int32Array.from({ length: 300 }, (_, index) => 1000 + index),
  maxTokens: how === 'return' ? 2 : 3000,
  endTokens: new Int32Array(),
  sampling: {
    temperature: 0,
    topP: 1,
    topK: 0,
    minP: 0,
    repetitionPenalty: 1,
    presencePenalty: 0,
    frequencyPenalty: 0,
    penaltyWindow: 64,
    seed: 1n,
  },
  topLogprobs: -1,
});
