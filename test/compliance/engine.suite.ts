import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { GenerateOptions, LoadOptions, StepOutput } from '../../native/addon.d.ts';
import type { Engine, EngineFactory } from '../../main/runner/engine.ts';

export interface EngineUnderTest {
  readonly create: EngineFactory;
  /** Called once, before the first test: a model file this engine can load. */
  readonly modelPath: () => string;
  readonly layers: number;
  /** A prompt of `length` tokens; the answer to it must not be a single token over and over. */
  readonly prompt: (length: number) => Int32Array;
  /** An end token that greedy answers do not bring within 40 tokens. */
  readonly endToken: number;
}

const greedy: GenerateOptions['sampling'] = {
  temperature: 0,
  topP: 1,
  topK: 0,
  minP: 0,
  repetitionPenalty: 1,
  presencePenalty: 0,
  frequencyPenalty: 0,
  penaltyWindow: 64,
  seed: 1n,
};

/** One engine and everything it said. */
class Run {
  readonly engine: Engine;
  readonly batches: (readonly StepOutput[])[] = [];

  constructor(create: EngineFactory) {
    this.engine = create((batch) => this.batches.push(batch));
  }

  outputs(task: number): StepOutput[] {
    return this.batches.flat().filter((output) => output.task === task);
  }

  tokens(task: number): number[] {
    return this.outputs(task).flatMap(({ token }) => (token === undefined ? [] : [token]));
  }

  async finish(task: number): Promise<StepOutput> {
    const last = (): StepOutput | undefined => this.outputs(task).find(({ finish }) => finish !== undefined);
    await expect.poll(last, { interval: 5, timeout: 30_000 }).toBeDefined();
    return last() as StepOutput;
  }

  async untilTokens(task: number, count: number): Promise<void> {
    await expect
      .poll(() => this.tokens(task).length, { interval: 2, timeout: 30_000 })
      .toBeGreaterThanOrEqual(count);
  }
}

/** What every `Engine` owes a runner: order of events, bounds, errors, endings. Not what the tokens are. */
export function engineSuite(name: string, subject: EngineUnderTest): void {
  const { create, layers, prompt, endToken } = subject;

  describe(name, () => {
    let folder: string;
    const runs: Run[] = [];

    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), 'skein-engine-'));
    });
    afterAll(() => rmSync(folder, { recursive: true, force: true }));
    afterEach(async () => {
      await Promise.all(runs.splice(0).map(({ engine }) => engine.close()));
    });

    const limits = { maxTasks: 2, maxQueued: 2, contextTokens: 128, prefillChunk: 16, kvBytes: 1 << 30 };
    const options = (changes: Partial<LoadOptions> = {}): LoadOptions => ({
      path: subject.modelPath(),
      firstLayer: 0,
      lastLayer: layers,
      limits,
      ...changes,
    });
    const fresh = (): Run => {
      const run = new Run(create);
      runs.push(run);
      return run;
    };
    const loaded = async (changes: Partial<LoadOptions> = {}): Promise<Run> => {
      const run = fresh();
      await run.engine.load(options(changes), () => {});
      return run;
    };
    const ask = (changes: Partial<GenerateOptions> = {}): GenerateOptions => ({
      prompt: prompt(8),
      maxTokens: 10,
      endTokens: Int32Array.of(endToken),
      sampling: greedy,
      topLogprobs: -1,
      ...changes,
    });
    /** The `code` of what a call throws. */
    const codeOf = (call: () => unknown): unknown => {
      try {
        call();
      } catch (error) {
        return (error as { code?: unknown }).code;
      }
      return 'nothing was thrown';
    };

    it('loads layer by layer and says what it holds', async () => {
      const run = fresh();
      const seen: [number, number][] = [];
      const model = await run.engine.load(options(), (done, total) => seen.push([done, total]));
      expect(seen.map(([done]) => done)).toEqual(Array.from({ length: layers }, (_, index) => index + 1));
      expect(seen.every(([, total]) => total === layers)).toBe(true);
      expect(model).toMatchObject({ layers, contextTokens: limits.contextTokens });
      expect(model.weightBytes).toBeGreaterThan(0);
      await expect
        .poll(() => run.engine.heartbeat(), { interval: 5 })
        .toMatchObject({ phase: 'idle', weightBytes: model.weightBytes });
    });

    it('reads metadata without loading', () => {
      expect(fresh().engine.readMetadata(subject.modelPath())).toHaveProperty(['general.architecture']);
    });

    it.each<[string, string | undefined]>([
      ['is not there', undefined],
      ['is empty', ''],
      ['is no model', 'PK\u0003\u0004 and so on and so forth'],
    ])('refuses a file that %s as BadModel, in load and in metadata', async (_, content) => {
      const path = join(folder, 'broken.gguf');
      rmSync(path, { force: true });
      if (content !== undefined) writeFileSync(path, content);
      const { engine } = fresh();
      expect(codeOf(() => engine.readMetadata(path))).toBe('BadModel');
      await expect(engine.load(options({ path }), () => {})).rejects.toMatchObject({ code: 'BadModel' });
    });

    it('refuses work before a model, a second model, and anything after the end', async () => {
      const { engine } = fresh();
      expect(codeOf(() => engine.submit(ask()))).toBe('NotLoaded');
      await engine.load(options(), () => {});
      await expect(engine.load(options(), () => {})).rejects.toMatchObject({ code: 'AlreadyLoaded' });
      await engine.close();
      await engine.close();
      engine.cancel(1);
      expect(codeOf(() => engine.submit(ask()))).toBe('Closed');
      expect(engine.heartbeat()).toMatchObject({ phase: 'closed', activeTasks: 0 });
    });

    it('closes before it ever loaded, and in the midst of loading', async () => {
      await fresh().engine.close();
      const { engine } = fresh();
      const loading = engine
        .load(options(), () => {})
        .then(
          () => 'loaded',
          (error: { code?: unknown }) => error.code,
        );
      await engine.close();
      expect(['loaded', 'Closed']).toContain(await loading);
    });

    it('answers as long as asked, with one token per output, and ends once', async () => {
      const run = await loaded();
      const task = run.engine.submit(ask());
      expect(await run.finish(task)).toMatchObject({ finish: 'length' });
      expect(run.tokens(task)).toHaveLength(10);
      expect(run.outputs(task).filter(({ finish }) => finish !== undefined)).toHaveLength(1);
    });

    it('gives the same greedy answer again, alone or beside another task', async () => {
      const run = await loaded();
      const alone = run.engine.submit(ask());
      await run.finish(alone);
      const [first, second] = [run.engine.submit(ask()), run.engine.submit(ask({ prompt: prompt(40) }))];
      await Promise.all([run.finish(first), run.finish(second)]);
      expect(run.tokens(first)).toEqual(run.tokens(alone));
    });

    it('prefills in chunks and counts them', async () => {
      const run = await loaded();
      const task = run.engine.submit(ask({ prompt: prompt(40), maxTokens: 1 }));
      await run.finish(task);
      const prefilled = run.outputs(task).flatMap((output) => output.prefilled ?? []);
      expect(prefilled.filter((count) => count < 40)).toEqual([16, 32]);
    });

    it('stops at an end token, which is not part of the answer', async () => {
      const run = await loaded();
      const before = run.engine.submit(ask());
      await run.finish(before);
      const tokens = run.tokens(before);
      const end = tokens.find((token, at) => at > 0 && tokens.indexOf(token) === at) as number;
      const task = run.engine.submit(ask({ endTokens: Int32Array.of(end) }));
      expect(await run.finish(task)).toMatchObject({ finish: 'stop' });
      expect(run.tokens(task)).toEqual(tokens.slice(0, tokens.indexOf(end)));
    });

    it('cancels a running task and lets the next one in', async () => {
      const run = await loaded();
      const long = [0, 1].map(() => run.engine.submit(ask({ maxTokens: 100 })));
      const waiting = run.engine.submit(ask());
      await run.untilTokens(long[0]!, 2);
      expect(run.tokens(waiting)).toEqual([]);
      run.engine.cancel(long[0]!);
      expect(await run.finish(long[0]!)).toMatchObject({ finish: 'cancelled' });
      const seen = run.tokens(long[0]!).length;
      await run.untilTokens(waiting, 1);
      run.engine.cancel(long[0]!);
      expect(run.tokens(long[0]!)).toHaveLength(seen);
      run.engine.cancel(long[1]!);
      await Promise.all([run.finish(long[1]!), run.finish(waiting)]);
    });

    it('cancels a task that only waits', async () => {
      const run = await loaded();
      const tasks = [0, 1, 2].map(() => run.engine.submit(ask({ maxTokens: 60 })));
      run.engine.cancel(tasks[2]!);
      expect(await run.finish(tasks[2]!)).toMatchObject({ finish: 'cancelled' });
      expect(run.tokens(tasks[2]!)).toEqual([]);
    });

    it('has a bound on its queue and on the length of a prompt', async () => {
      const run = await loaded();
      for (let task = 0; task < 4; task += 1) run.engine.submit(ask({ maxTokens: 100 }));
      expect(codeOf(() => run.engine.submit(ask()))).toBe('QueueFull');
      expect(codeOf(() => fresh().engine.submit(ask()))).toBe('NotLoaded');
      const other = await loaded();
      expect(codeOf(() => other.engine.submit(ask({ prompt: prompt(128) })))).toBe('PromptTooLong');
      expect(codeOf(() => other.engine.submit(ask({ prompt: new Int32Array(0) })))).toBe('BadArgument');
    });

    const nobodyThere = (joinMs: number) =>
      fresh().engine.connect(
        {
          rank: 0,
          addresses: ['127.0.0.1:0', '127.0.0.1:0'],
          secret: new Uint8Array(16),
          joinMs,
          silenceMs: 1_000,
        },
        () => undefined,
      );

    it('fails to join a group whose other ranks do not come in time', async () => {
      await expect(nobodyThere(50)).rejects.toMatchObject({ code: 'GroupLost' });
    });

    it.each([
      {
        how: 'its group is aborted',
        code: 'GroupLost',
        end: async (engine: Engine): Promise<void> => Promise.resolve(engine.abortGroup('enough')),
      },
      { how: 'it is closed', code: 'Closed', end: (engine: Engine) => engine.close() },
    ])('stops joining at once when $how', async ({ code, end }) => {
      const joining = expect(nobodyThere(60_000)).rejects.toMatchObject({ code });
      await end((runs.at(-1) as Run).engine);
      await joining;
    });

    it('joins no group once it runs alone', async () => {
      const run = await loaded();
      const options = { rank: 0, addresses: ['127.0.0.1:0', '127.0.0.1:0'], secret: new Uint8Array(16) };
      await expect(
        run.engine.connect({ ...options, joinMs: 50, silenceMs: 1_000 }, () => undefined),
      ).rejects.toMatchObject({ code: 'AlreadyLoaded' });
    });

    it('ends running tasks as cancelled when it closes', async () => {
      const run = await loaded();
      const task = run.engine.submit(ask({ maxTokens: 100 }));
      await run.untilTokens(task, 1);
      await run.engine.close();
      expect(await run.finish(task)).toMatchObject({ finish: 'cancelled' });
    });

    it('gives log probabilities with as many alternatives as asked, and none unasked', async () => {
      const run = await loaded();
      const [asked, unasked] = [run.engine.submit(ask({ topLogprobs: 3 })), run.engine.submit(ask())];
      await Promise.all([run.finish(asked), run.finish(unasked)]);
      for (const { token, logprob, topLogprobs } of run.outputs(asked)) {
        if (token === undefined) continue;
        expect(logprob).toBeLessThanOrEqual(0);
        expect(topLogprobs).toHaveLength(3);
      }
      expect(run.outputs(unasked).some((output) => output.logprob !== undefined)).toBe(false);
    });

    it('beats while it works and while it rests', async () => {
      const run = await loaded();
      const beats = (): number => run.engine.heartbeat().beats;
      const resting = beats();
      await expect.poll(beats, { timeout: 2_000, interval: 50 }).toBeGreaterThan(resting);
      const task = run.engine.submit(ask({ maxTokens: 100 }));
      await run.untilTokens(task, 1);
      const working = run.engine.heartbeat();
      expect(working).toMatchObject({ phase: 'stepping', activeTasks: 1 });
      await run.untilTokens(task, 5);
      expect(beats()).toBeGreaterThan(working.beats);
    });
  });
}
