import { afterEach, describe, expect, it } from 'vitest';
import { loadAddon } from '../../native/index.ts';
import type { GenerateOptions } from '../../native/addon.d.ts';
import {
  ask,
  codeOf,
  EngineRun,
  greedy,
  limits,
  loadOptions,
  prompt,
  SMOLLM2_LAYERS,
} from './support/engine-run.ts';

const runs: EngineRun[] = [];
afterEach(async () => {
  await Promise.all(runs.splice(0).map(({ engine }) => engine.close()));
});
const fresh = (): EngineRun => {
  const run = new EngineRun();
  runs.push(run);
  return run;
};
const loaded = async (options: Parameters<EngineRun['load']>[0] = {}): Promise<EngineRun> => {
  const run = fresh();
  await run.load(options);
  return run;
};
const drawn = { ...greedy, temperature: 1, topP: 0.95, seed: 42n };

describe('load', () => {
  it('reports every layer in order and says what it holds', async () => {
    const run = fresh();
    const seen: Array<readonly [number, number]> = [];
    const model = await run.engine.load(loadOptions(), (done, total) => seen.push([done, total]));
    expect(seen).toEqual(Array.from({ length: SMOLLM2_LAYERS }, (_, layer) => [layer + 1, SMOLLM2_LAYERS]));
    expect(model).toEqual({
      architecture: 'llama',
      layers: SMOLLM2_LAYERS,
      hiddenSize: 576,
      vocabularySize: 49_152,
      contextTokens: limits.contextTokens,
      weightBytes: 115_156_224,
      kvBytesPerToken: 30 * 2 * 3 * 64 * 4,
    });
    const { weightBytes, activeBytes, peakBytes } = run.engine.heartbeat();
    expect(weightBytes).toBe(model.weightBytes);
    expect(activeBytes).toBeGreaterThanOrEqual(model.weightBytes);
    expect(peakBytes).toBeLessThan(model.weightBytes * 1.5);
  });

  it('beats within a layer too, so that a slow disk is not taken for a stuck engine', async () => {
    const run = fresh();
    const before = run.engine.heartbeat().beats;
    await run.load();
    const tensors = loadAddon().readGguf(loadOptions().path).tensors.length;
    expect(run.engine.heartbeat().beats - before).toBeGreaterThanOrEqual(tensors);
  });

  it('of [0, 15) and [15, 30) chained computes what the whole model computes', async () => {
    const tokens = prompt(300);
    const whole = await (await loaded()).engine.evaluate(tokens);
    const lower = await loaded({ lastLayer: 15 });
    const upper = await loaded({ firstLayer: 15 });
    const hidden = await lower.engine.evaluate(tokens);
    expect(hidden).toHaveLength(300 * 576);
    const chained = await upper.engine.evaluate(hidden);
    expect(whole).toHaveLength(49_152);
    expect(Buffer.from(chained.buffer).equals(Buffer.from(whole.buffer))).toBe(true);
    expect(lower.engine.heartbeat().weightBytes + upper.engine.heartbeat().weightBytes).toBeGreaterThan(
      115_156_224,
    );
  });

  it('refuses input of the wrong kind and generation on a part of the model', async () => {
    const upper = await loaded({ firstLayer: 15 });
    await expect(upper.engine.evaluate(prompt(4))).rejects.toMatchObject({ code: 'BadArgument' });
    await expect(upper.engine.evaluate(new Float32Array(575))).rejects.toMatchObject({ code: 'BadArgument' });
    expect(codeOf(() => upper.engine.submit(ask()))).toBe('BadArgument');
    const lower = await loaded({ lastLayer: 1 });
    await expect(lower.engine.evaluate(Int32Array.of(49_152))).rejects.toMatchObject({ code: 'BadArgument' });
    await expect(lower.engine.evaluate(new Int32Array())).rejects.toMatchObject({ code: 'BadArgument' });
    await expect(lower.engine.evaluate(prompt(4097))).rejects.toMatchObject({ code: 'PromptTooLong' });
  });

  it.each<[string, object]>([
    ['no options', {}],
    ['a path with a zero byte', { path: 'a\0b' }],
    ['layers the wrong way round', { firstLayer: 3, lastLayer: 3 }],
    ['no task at all', { limits: { ...limits, maxTasks: 0 } }],
    ['a fractional chunk', { limits: { ...limits, prefillChunk: 1.5 } }],
    ['limits that are no object', { limits: 3 }],
  ])('refuses %s as BadArgument', async (what, changes) => {
    const options = what === 'no options' ? undefined : { ...loadOptions(), ...changes };
    await expect(fresh().engine.load(options as never, () => {})).rejects.toMatchObject({
      code: 'BadArgument',
    });
  });
});

describe('generation', () => {
  it('of three tasks together gives each the greedy tokens it gets alone', async () => {
    const run = await loaded();
    const asks = [
      ask({ prompt: prompt(9, 1) }),
      ask({ prompt: prompt(150, 2) }),
      ask({ prompt: prompt(40, 3) }),
    ];
    const alone: number[][] = [];
    for (const each of asks) alone.push(await run.generate(each));
    const tasks = asks.map((each) => run.engine.submit(each));
    await Promise.all(tasks.map((task) => run.end(task)));
    expect(tasks.map((task) => run.tokens(task))).toEqual(alone);
  });

  it('with one seed gives the same tokens to the last bit alone, again, and beside others of any size', async () => {
    const run = await loaded({ limits: { ...limits, maxTasks: 16 } });
    const seeded = ask({ prompt: prompt(200), sampling: drawn, maxTokens: 24, topLogprobs: 1 });
    /** Tokens with their log probabilities. */
    const said = async (task: number): Promise<unknown[]> => {
      await run.end(task);
      return run
        .outputs(task)
        .flatMap(({ token, logprob, topLogprobs }) =>
          token === undefined ? [] : [{ token, logprob, topLogprobs }],
        );
    };
    const fresh = await said(run.engine.submit(seeded));
    expect(fresh).toHaveLength(24);
    // The prompt is computed in other pieces once its beginning is reused; from then on nothing changes.
    const first = await said(run.engine.submit(seeded));
    expect(first).toMatchObject(fresh.map((each) => ({ token: (each as { token: number }).token })));
    expect(await said(run.engine.submit(seeded))).toEqual(first);
    const others = Array.from({ length: 11 }, (_, index) =>
      ask({ prompt: prompt(3 + 29 * index, index), maxTokens: 30 }),
    );
    const beside = others.map((each) => run.engine.submit(each));
    expect(await said(run.engine.submit(seeded))).toEqual(first);
    await Promise.all(beside.map((each) => run.end(each)));
    const another = run.engine.submit({ ...seeded, sampling: { ...drawn, seed: 43n } });
    expect(await said(another)).not.toEqual(first);
  });

  it('ends at an end token, at maxTokens, and where the context is full', async () => {
    const run = await loaded({ limits: { ...limits, contextTokens: 64 } });
    const tokens = await run.generate();
    expect(tokens).toHaveLength(16);
    const end = tokens[5] ?? -1;
    const stopped = run.engine.submit(ask({ endTokens: Int32Array.of(end) }));
    expect(await run.end(stopped)).toEqual({ task: stopped, finish: 'stop' });
    expect(run.tokens(stopped)).toEqual(tokens.slice(0, tokens.indexOf(end)));
    const full = run.engine.submit(ask({ prompt: prompt(60), maxTokens: 1000 }));
    expect(await run.end(full)).toMatchObject({ finish: 'length' });
    expect(run.tokens(full)).toHaveLength(4);
    expect(codeOf(() => run.engine.submit(ask({ prompt: prompt(64) })))).toBe('PromptTooLong');
  });

  it('goes on over the borders of KV blocks as if there were none', async () => {
    const run = await loaded();
    const [long, rest] = [await run.generate({ prompt: prompt(250), maxTokens: 24 }), 12];
    const history = Int32Array.from([...prompt(250), ...long.slice(0, rest)]);
    expect(await run.generate({ prompt: history, maxTokens: 24 - rest })).toEqual(long.slice(rest));
  });

  it('reports log probabilities as asked', async () => {
    const run = await loaded();
    const task = run.engine.submit(ask({ topLogprobs: 2, maxTokens: 2 }));
    await run.end(task);
    for (const { token, logprob, topLogprobs } of run.outputs(task)) {
      expect(topLogprobs?.[0]).toEqual({ token, logprob });
      expect(topLogprobs).toHaveLength(2);
    }
  });

  it.each<[string, Partial<GenerateOptions>]>([
    ['an empty prompt', { prompt: new Int32Array() }],
    ['a token outside the vocabulary', { prompt: Int32Array.of(49_152) }],
    ['a negative token', { prompt: Int32Array.of(-1) }],
    ['no tokens to make', { maxTokens: 0 }],
    ['a temperature below 0', { sampling: { ...greedy, temperature: -1 } }],
    ['a topP of 0', { sampling: { ...greedy, topP: 0 } }],
    ['a seed that is no bigint', { sampling: { ...greedy, seed: 1 as never } }],
    ['a seed of 2^64', { sampling: { ...greedy, seed: 2n ** 64n } }],
    ['21 alternatives', { topLogprobs: 21 }],
    ['a prompt of floats', { prompt: new Float32Array(4) as never }],
  ])('refuses %s as BadArgument', async (_, changes) => {
    const run = await loaded({ lastLayer: SMOLLM2_LAYERS });
    expect(codeOf(() => run.engine.submit(ask(changes)))).toBe('BadArgument');
    expect(run.engine.heartbeat().activeTasks).toBe(0);
  });
});

describe('life', () => {
  it('closes before load, twice, and refuses work afterwards', async () => {
    const { engine } = fresh();
    expect(codeOf(() => engine.submit(ask()))).toBe('NotLoaded');
    await expect(engine.evaluate(prompt(1))).rejects.toMatchObject({ code: 'NotLoaded' });
    engine.cancel(1);
    await Promise.all([engine.close(), engine.close()]);
    await engine.close();
    expect(engine.heartbeat().phase).toBe('closed');
    expect(codeOf(() => engine.submit(ask()))).toBe('Closed');
    await expect(engine.load(loadOptions(), () => {})).rejects.toMatchObject({ code: 'Closed' });
  });

  it('closes while loading: the load is rejected, nothing stays in memory', async () => {
    const run = fresh();
    const layers: number[] = [];
    const outcome = run.engine
      .load(loadOptions(), (done) => {
        layers.push(done);
        if (done === 1) void run.engine.close();
      })
      .catch((error: unknown) => error);
    await expect(fresh().engine.load(loadOptions(), () => {})).resolves.toBeDefined();
    await run.engine.close();
    const ended = await outcome;
    if (ended instanceof Error) expect(ended).toMatchObject({ code: 'Closed' });
    else expect(layers).toHaveLength(SMOLLM2_LAYERS);
    expect(run.engine.heartbeat()).toMatchObject({ phase: 'closed', weightBytes: 0 });
  });

  it('closes while generating: running and waiting tasks end as cancelled first', async () => {
    const run = await loaded({ limits: { ...limits, maxTasks: 2 } });
    const tasks = [1, 2, 3].map((seed) =>
      run.engine.submit(ask({ prompt: prompt(500, seed), maxTokens: 1000 })),
    );
    await run.begun(tasks[0] ?? 0);
    const evaluation = run.engine.evaluate(prompt(3000)).catch((error: unknown) => error);
    await run.engine.close();
    expect(tasks.map((task) => run.last(task)?.finish)).toEqual(['cancelled', 'cancelled', 'cancelled']);
    expect(await evaluation).toMatchObject({ code: 'Closed' });
    expect(run.engine.heartbeat()).toMatchObject({
      phase: 'closed',
      activeTasks: 0,
      queuedTasks: 0,
      kvBytes: 0,
      weightBytes: 0,
    });
  });

  it('loads once', async () => {
    const run = fresh();
    const first = run.load();
    await expect(run.load()).rejects.toMatchObject({ code: 'AlreadyLoaded' });
    await first;
    await expect(run.load()).rejects.toMatchObject({ code: 'AlreadyLoaded' });
  });

  it('beats while busy and while idle, and can be read without waiting', async () => {
    const run = await loaded({ limits: { ...limits, prefillChunk: 2048 } });
    const task = run.engine.submit(ask({ prompt: prompt(700), maxTokens: 1 }));
    const beats: number[] = [];
    let slowest = 0;
    while (run.last(task) === undefined) {
      const before = performance.now();
      const { beats: now } = run.engine.heartbeat();
      slowest = Math.max(slowest, performance.now() - before);
      if (now !== beats.at(-1)) beats.push(now);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(beats.length, 'rises layer by layer within one step').toBeGreaterThan(10);
    expect(slowest).toBeLessThan(50);
    const idle = run.engine.heartbeat().beats;
    await expect.poll(() => run.engine.heartbeat().beats, { timeout: 2000 }).toBeGreaterThan(idle + 1);
    expect(run.engine.heartbeat().phase).toBe('idle');
  });

  it('gives memory back when it becomes idle', async () => {
    const run = await loaded();
    await run.generate({ prompt: prompt(300), maxTokens: 2 });
    await expect.poll(() => run.engine.heartbeat().cacheBytes, { timeout: 2000 }).toBe(0);
    const { activeBytes, weightBytes, kvBytes, prefixBytes } = run.engine.heartbeat();
    expect({ kvBytes, prefixBytes }).toEqual({ kvBytes: 0, prefixBytes: 4 * 64 * 46_080 });
    expect(activeBytes - weightBytes - prefixBytes).toBeLessThan(4 << 20);
  });
});

describe('features', () => {
  it('say what this build runs on', () => {
    const { features } = loadAddon();
    expect(features.mlxVersion).toMatch(/^\d+\.\d+\.\d+/);
    if (process.platform === 'linux') expect(features).toMatchObject({ device: 'cpu', jaccl: false });
    expect(features.threads).toBeGreaterThan(0);
  });
});
