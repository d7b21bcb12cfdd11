import { openSync, readSync, closeSync } from 'node:fs';
import type {
  EngineHeartbeat,
  GenerateOptions,
  GgufValue,
  GroupOptions,
  LoadedModel,
  LoadOptions,
  StepOutput,
} from '../../native/addon.d.ts';
import type { Engine, EngineFactory } from '../../main/runner/engine.ts';
import type { TextModel } from '../../main/runner/generate-text.ts';
import { TextTooLong } from '../../main/runner/tokenizer-error.ts';

/** What goes wrong, and when. `crash` is a segmentation fault, `hang` a stuck engine thread, `block` a stuck event loop. */
export interface Mishap {
  readonly when: 'load' | 'step' | 'close';
  readonly how: 'exit' | 'crash' | 'hang' | 'block' | 'throw' | 'outOfMemory' | 'uncaught';
}

/** How a fake engine behaves. Tokens 0 to 255 are bytes, 256 ends an answer. */
export interface FakeEngineScript {
  readonly layers: number;
  readonly layerMs: number;
  readonly stepMs: number;
  /** Every answer, over and over; its characters of several bytes come in several tokens. */
  readonly text: string;
  /** The answer ends by itself after this many tokens, where the request names token 256 as an end. */
  readonly answerTokens: number;
  /** Tokens of each prompt that it says to reuse; absent = none. */
  readonly cachedTokens?: number;
  readonly mishap?: Mishap;
  /** Whether the other ranks come; absent = they never do. */
  readonly joined?: boolean;
}

export const defaultScript: FakeEngineScript = {
  layers: 4,
  layerMs: 1,
  stepMs: 1,
  text: 'Grüße aus 東京 🌍! ',
  answerTokens: 1_000_000,
};

export const END_TOKEN = 256;
const VOCABULARY = 257;
const HIDDEN = 8;

interface FakeTask {
  readonly number: number;
  readonly options: GenerateOptions;
  prefilled: number;
  generated: number;
  cancelled: boolean;
}

/** Text side of the fake model: bytes are tokens. */
export const fakeText: TextModel = {
  encodeChat: (messages, maximumTokens) => {
    const words = messages.map(({ content }) => content).join('\n');
    if (words.includes('{%')) throw new Error('The template does not take these messages.');
    const prompt = Int32Array.from(Buffer.from(words));
    if (prompt.length > maximumTokens) throw new TextTooLong(`more than ${maximumTokens} tokens`);
    return prompt;
  },
  endTokens: Int32Array.of(END_TOKEN),
  tokenBytes: (token) => (token < 256 ? Uint8Array.of(token) : new Uint8Array(0)),
  detokenizer: () => {
    const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
    return {
      push: (token) => decoder.decode(fakeText.tokenBytes(token), { stream: true }),
      end: () => decoder.decode(),
    };
  },
};

export function fakeEngine(changes: Partial<FakeEngineScript> = {}): EngineFactory {
  return (onSteps) => new FakeEngine({ ...defaultScript, ...changes }, onSteps);
}

/** The engine's behaviour without a model: same order of events, same errors, made-up tokens. */
class FakeEngine implements Engine {
  readonly #script: FakeEngineScript;
  readonly #onSteps: (batch: readonly StepOutput[]) => void;
  readonly #bytes: Buffer;
  readonly #active: FakeTask[] = [];
  readonly #queue: FakeTask[] = [];
  #limits: LoadOptions['limits'] | undefined;
  #phase: EngineHeartbeat['phase'] = 'idle';
  #loaded = false;
  #stuck = false;
  #beats = 0;
  #lastTask = 0;
  #stepping: NodeJS.Timeout | undefined;
  #endJoining: ((failure: Error) => void) | undefined;

  constructor(script: FakeEngineScript, onSteps: (batch: readonly StepOutput[]) => void) {
    this.#script = script;
    this.#onSteps = onSteps;
    this.#bytes = Buffer.from(script.text);
  }

  readMetadata(path: string): Readonly<Record<string, GgufValue>> {
    readMagic(path);
    return { 'general.architecture': 'fake' };
  }

  listen(): number {
    return 4711;
  }

  connect({ joinMs }: GroupOptions, onLost: (reason: string) => void): Promise<void> {
    if (this.#limits !== undefined) return Promise.reject(coded('AlreadyLoaded', 'this engine runs alone'));
    if (this.#script.joined === true) {
      this.#endJoining = ({ message }) => this.#leave(message, onLost);
      return Promise.resolve();
    }
    return new Promise((_, reject) => {
      const timer = setTimeout(() => this.abortGroup('no other rank joined in time'), joinMs);
      this.#endJoining = (failure) => {
        clearTimeout(timer);
        reject(failure);
      };
    });
  }

  abortGroup(reason: string): void {
    this.#endJoining?.(coded('GroupLost', reason));
  }

  /** All tasks end, the weights stay, another group may be joined. */
  #leave(reason: string, onLost: (reason: string) => void): void {
    this.#endJoining = undefined;
    this.#limits = undefined;
    const all = [...this.#active.splice(0), ...this.#queue.splice(0)];
    const error = `the group was lost: ${reason}`;
    if (all.length > 0)
      this.#onSteps(all.map(({ number }) => ({ task: number, finish: 'failed' as const, error })));
    setImmediate(() => onLost(reason));
  }

  async load(
    { path, firstLayer, lastLayer, limits }: LoadOptions,
    onLayer: (done: number, total: number) => void,
  ): Promise<LoadedModel> {
    if (this.#phase === 'closed') throw coded('Closed', 'the engine is closed');
    if (this.#limits !== undefined) throw coded('AlreadyLoaded', 'a model is loaded already');
    readMagic(path);
    if (lastLayer > this.#script.layers || firstLayer >= lastLayer) {
      throw coded('BadArgument', `layers ${firstLayer} to ${lastLayer} of ${this.#script.layers}`);
    }
    this.#limits = limits;
    const total = lastLayer - firstLayer;
    if (this.#loaded) onLayer(total, total);
    else await this.#read(total, onLayer);
    this.#phase = 'idle';
    return {
      architecture: 'fake',
      layers: this.#script.layers,
      hiddenSize: HIDDEN,
      vocabularySize: VOCABULARY,
      contextTokens: limits.contextTokens,
      weightBytes: 1_000 * total,
      kvBytesPerToken: 16,
    };
  }

  async #read(total: number, onLayer: (done: number, total: number) => void): Promise<void> {
    this.#phase = 'loading';
    for (let done = 1; done <= total; done += 1) {
      await new Promise((resolve) => setTimeout(resolve, this.#script.layerMs));
      if (this.#closing()) throw coded('Closed', 'the engine was closed while it loaded');
      if (done === Math.ceil(total / 2)) await this.#mishap('load');
      this.#beats += 1;
      onLayer(done, total);
    }
    this.#loaded = true;
  }

  submit(options: GenerateOptions): number {
    if (this.#closing()) throw coded('Closed', 'the engine is closed');
    const limits = this.#limits;
    if (!this.#loaded || limits === undefined) throw coded('NotLoaded', 'no model is loaded');
    if (options.prompt.length === 0) throw coded('BadArgument', 'the prompt is empty');
    if (options.prompt.length >= limits.contextTokens) {
      throw coded('PromptTooLong', `${options.prompt.length} tokens do not fit ${limits.contextTokens}`);
    }
    if (this.#active.length + this.#queue.length >= limits.maxTasks + limits.maxQueued) {
      throw coded('QueueFull', `${limits.maxQueued} tasks wait already`);
    }
    this.#lastTask += 1;
    this.#queue.push({ number: this.#lastTask, options, prefilled: 0, generated: 0, cancelled: false });
    this.#schedule();
    return this.#lastTask;
  }

  cancel(task: number): void {
    const found = [...this.#active, ...this.#queue].find(({ number }) => number === task);
    if (found !== undefined) found.cancelled = true;
  }

  heartbeat(): EngineHeartbeat {
    if (this.#phase === 'idle') this.#beats += 1;
    return {
      beats: this.#beats,
      phase: this.#phase,
      activeTasks: this.#active.length,
      queuedTasks: this.#queue.length,
      weightBytes: this.#loaded ? 1_000 * this.#script.layers : 0,
      kvBytes: this.#active.length * 16,
      prefixBytes: 0,
      activeBytes: 0,
      peakBytes: 0,
      cacheBytes: 0,
    };
  }

  async close(): Promise<void> {
    if (this.#closing()) return;
    if (this.#stuck) return new Promise(() => {});
    await this.#mishap('close');
    clearTimeout(this.#stepping);
    this.#phase = 'closed';
    this.#endJoining?.(coded('Closed', 'the engine was closed'));
    const all = [...this.#active.splice(0), ...this.#queue.splice(0)];
    if (all.length > 0) this.#onSteps(all.map(({ number }) => ({ task: number, finish: 'cancelled' })));
    this.#loaded = false;
  }

  #closing(): boolean {
    return this.#phase === 'closing' || this.#phase === 'closed';
  }

  #schedule(): void {
    if (this.#stepping !== undefined) return;
    this.#phase = 'stepping';
    this.#stepping = setTimeout(() => void this.#step(), this.#script.stepMs);
  }

  async #step(): Promise<void> {
    const { maxTasks, prefillChunk } = this.#limits ?? { maxTasks: 1, prefillChunk: 1 };
    while (this.#active.length < maxTasks && this.#queue.length > 0)
      this.#active.push(...this.#queue.splice(0, 1));
    let failure: string | undefined;
    try {
      // The warm-up is two tasks; what follows is real work.
      if (this.#lastTask > 2) await this.#mishap('step');
    } catch (error) {
      failure = (error as Error).message;
    }
    this.#beats += 1;
    const batch = this.#active.map((task) =>
      failure === undefined
        ? this.#advance(task, prefillChunk)
        : { task: task.number, finish: 'failed' as const, error: failure },
    );
    for (const { task, finish } of batch) {
      if (finish === undefined) continue;
      this.#active.splice(
        this.#active.findIndex(({ number }) => number === task),
        1,
      );
    }
    this.#stepping = undefined;
    if (this.#closing()) return;
    if (this.#active.length + this.#queue.length > 0) this.#schedule();
    else this.#phase = 'idle';
    this.#onSteps(batch);
  }

  #advance(task: FakeTask, prefillChunk: number): StepOutput {
    const { number, options } = task;
    if (task.cancelled) return { task: number, finish: 'cancelled' };
    if (task.prefilled < options.prompt.length) {
      task.prefilled = Math.min(options.prompt.length, task.prefilled + prefillChunk);
      if (task.prefilled < options.prompt.length) return { task: number, prefilled: task.prefilled };
    }
    const ended = task.generated >= this.#script.answerTokens;
    const token = ended ? END_TOKEN : (this.#bytes[task.generated % this.#bytes.length] ?? 0);
    if (options.endTokens.includes(token)) return { task: number, finish: 'stop' };
    task.generated += 1;
    return {
      task: number,
      token,
      ...(task.generated > 1 || this.#script.cachedTokens === undefined
        ? {}
        : { cached: this.#script.cachedTokens }),
      ...(options.topLogprobs < 0 ? {} : logprobs(token, options.topLogprobs)),
      ...(task.generated >= options.maxTokens ? { finish: 'length' as const } : {}),
    };
  }

  async #mishap(when: Mishap['when']): Promise<void> {
    const { mishap } = this.#script;
    if (mishap?.when !== when) return;
    switch (mishap.how) {
      case 'exit':
        process.stderr.write('fake engine: leaving\n');
        return process.exit(7);
      case 'crash':
        process.kill(process.pid, 'SIGSEGV');
        return new Promise(() => {});
      case 'hang':
        this.#stuck = true;
        return new Promise(() => {});
      case 'block':
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
        return;
      case 'uncaught':
        setImmediate(() => {
          throw new Error('nobody catches this');
        });
        return new Promise(() => {});
      case 'throw':
        throw new Error('the fake engine broke');
      case 'outOfMemory':
        throw coded('OutOfMemory', '3 GiB are missing');
    }
  }
}

function logprobs(token: number, count: number): Pick<StepOutput, 'logprob' | 'topLogprobs'> {
  const topLogprobs = Array.from({ length: count }, (_, rank) => ({
    token: (token + rank) % 256,
    logprob: -0.5 - rank,
  }));
  return { logprob: -0.5, topLogprobs };
}

/** @throws `BadModel` as the real engine does when there is no such file or it is none of ours */
function readMagic(path: string): void {
  const magic = Buffer.alloc(4);
  try {
    const file = openSync(path, 'r');
    readSync(file, magic, 0, 4, 0);
    closeSync(file);
  } catch (error) {
    throw coded('BadModel', `${path} can't be read: ${(error as Error).message}`);
  }
  if (magic.toString('latin1') !== 'GGUF') throw coded('BadModel', `${path} is no GGUF file`);
}

function coded(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}
