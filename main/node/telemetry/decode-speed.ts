import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import type { RunnerId, TaskId } from '../../core/id.ts';
import type { ModelCard } from '../../core/model-card.ts';
import type { TaskEvent } from '../api.ts';
import type { Log } from '../log.ts';

/** What is kept in the data folder. */
const KeptFigure = z.strictObject({
  /** Release whose engine it was measured with; another one measures anew. */
  engine: z.string().max(200),
  /** Of the model that decoded. */
  bytesPerToken: z.number().positive(),
  bytesPerSecond: z.number().positive().max(1e15),
});
type KeptFigure = z.infer<typeof KeptFigure>;

/** A stretch of one task's tokens while its runner did nothing else. */
interface Stretch {
  readonly taskId: TaskId;
  readonly sinceUs: number;
  tokens: number;
}

interface Measured {
  readonly active: Set<TaskId>;
  stretch: Stretch | undefined;
  /** Bytes per second of the newest stretches. */
  readonly speeds: number[];
}

const STRETCH_TOKENS = 16;
const SHORTEST_STRETCH_US = 20_000;
const KEPT_STRETCHES = 8;
const FEWEST_STRETCHES = 3;
/** A model this much larger is believed more, even if it is slower: fixed costs per token weigh less. */
const LARGER = 2;
/** Better by less than this is not written down. */
const NOTABLE = 1.02;

/**
 * How fast this node reads weights when it decodes, learnt from real answers: tokens per second of a task that is
 * alone on a runner which holds the whole model, times the bytes of weights one token reads. The figure is the best
 * median of 8 stretches of 16 tokens so far, so that other load on the computer does not count for long.
 */
export class DecodeSpeed {
  readonly #log: Log;
  readonly #path: string;
  readonly #engine: string;
  readonly #runners = new Map<RunnerId, Measured>();
  #figure: KeptFigure | undefined;
  #written = 0;

  /** @param init.engine names the build; a figure kept by another one is not used */
  constructor({ log }: { readonly log: Log }, init: { readonly path: string; readonly engine: string }) {
    this.#log = log;
    this.#path = init.path;
    this.#engine = init.engine;
    const kept = readKept(init.path);
    if (kept?.engine === init.engine) this.#figure = kept;
    this.#written = this.#figure?.bytesPerSecond ?? 0;
  }

  /** Undefined before anything was decoded with this engine. */
  get bytesPerSecond(): number | undefined {
    return this.#figure?.bytesPerSecond;
  }

  /**
   * Call with every event of every task of a runner that holds the whole model; events of others teach nothing.
   * @param bytesPerToken weights that one token reads: `bytesReadPerToken`
   */
  observe(runnerId: RunnerId, bytesPerToken: number, event: TaskEvent): void {
    const runner = this.#runners.get(runnerId) ?? { active: new Set(), stretch: undefined, speeds: [] };
    this.#runners.set(runnerId, runner);
    if (event.type === 'TaskEnded' || event.type === 'TaskRefused') {
      runner.active.delete(event.taskId);
      runner.stretch = undefined;
      return;
    }
    runner.active.add(event.taskId);
    if (event.type !== 'Chunk' || runner.active.size > 1) {
      runner.stretch = undefined;
      return;
    }
    const { taskId, sampledAtUs: nowUs } = event;
    const stretch = runner.stretch;
    if (stretch?.taskId !== taskId || nowUs < stretch.sinceUs) {
      runner.stretch = { taskId, sinceUs: nowUs, tokens: 0 };
      return;
    }
    stretch.tokens += event.tokens;
    const tookUs = nowUs - stretch.sinceUs;
    if (stretch.tokens < STRETCH_TOKENS || tookUs < SHORTEST_STRETCH_US) return;
    runner.stretch = { taskId, sinceUs: nowUs, tokens: 0 };
    runner.speeds.push((stretch.tokens * bytesPerToken * 1e6) / tookUs);
    if (runner.speeds.length > KEPT_STRETCHES) runner.speeds.shift();
    if (runner.speeds.length >= FEWEST_STRETCHES) this.#learn(bytesPerToken, middle(runner.speeds));
  }

  /** The runner has ended. */
  forget(runnerId: RunnerId): void {
    this.#runners.delete(runnerId);
  }

  #learn(bytesPerToken: number, bytesPerSecond: number): void {
    const best = this.#figure;
    const larger = best !== undefined && bytesPerToken >= LARGER * best.bytesPerToken;
    if (best !== undefined && !larger && bytesPerSecond <= best.bytesPerSecond) return;
    this.#figure = { engine: this.#engine, bytesPerToken, bytesPerSecond };
    if (!larger && bytesPerSecond < this.#written * NOTABLE) return;
    this.#written = bytesPerSecond;
    try {
      // A reader never sees half of it; after a power cut it is measured again.
      writeFileSync(`${this.#path}.new`, JSON.stringify(this.#figure), { mode: 0o600 });
      renameSync(`${this.#path}.new`, this.#path);
    } catch (error) {
      this.#log.debug('The measured speed could not be kept; it will be measured again', { problem: error });
    }
  }
}

/** Decoding reads every weight once, except that of an embedding only one row is read. */
export function bytesReadPerToken({ weightBytes, ends }: ModelCard): number {
  const rest = ends === undefined || ends.tied ? weightBytes : weightBytes - ends.embeddingBytes;
  return Math.max(1, rest);
}

function middle(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[sorted.length >> 1] ?? 0;
}

function readKept(path: string): KeptFigure | undefined {
  try {
    return KeptFigure.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    // None yet, or not ours: it is measured anew.
    return undefined;
  }
}
