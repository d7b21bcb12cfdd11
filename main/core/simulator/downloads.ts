import type { ModelId } from '../id.ts';
import type { ModelCard } from '../model-card.ts';
import { backoffMs } from '../reconcile/backoff.ts';
import type { Download } from '../state.ts';
import { MINUTE, SECOND } from '../unit.ts';
import type { SeededRandom } from './random.ts';
import type { Timings } from './scenario.ts';

export interface DownloadsInit {
  readonly timings: Timings;
  readonly random: SeededRandom;
  /** Files verified on this node's disk; they outlive the process. */
  readonly files: Set<ModelId>;
  /** Messages of downloads that are to fail, in order. */
  readonly faults: string[];
  /** Ms for which the next download makes no progress, in order. */
  readonly stalls: number[];
  /** While the process lives. */
  readonly after: (delayMs: number, run: () => void) => () => void;
  readonly onChange: () => void;
  readonly onFault: (kind: 'downloadFails' | 'downloadStalls') => void;
}

interface Job {
  readonly card: ModelCard;
  state: 'Running' | 'Waiting' | 'Done';
  cancel: () => void;
}

/** Fetches models in simulated time; a failure is tried again with growing delay until nobody wants it. */
export class SimulatedDownloads {
  readonly #init: DownloadsInit;
  readonly #jobs = new Map<ModelId, Job>();
  readonly #failures = new Map<ModelId, { readonly count: number; readonly message: string }>();

  constructor(init: DownloadsInit) {
    this.#init = init;
  }

  get view(): Readonly<Record<ModelId, 'Running' | 'Waiting'>> {
    // Under way until the log has it: the plan would start it again otherwise.
    const shown = ({ state }: Job): 'Running' | 'Waiting' => (state === 'Waiting' ? 'Waiting' : 'Running');
    return Object.fromEntries([...this.#jobs].map(([modelId, job]) => [modelId, shown(job)]));
  }

  /** What is so of each model that this node was asked for. */
  get downloads(): readonly (readonly [ModelId, Download])[] {
    return [...this.#jobs].map(([modelId, { state, card }]): readonly [ModelId, Download] => {
      if (state === 'Done') return [modelId, { type: 'Completed', bytes: card.fileBytes }];
      const failure = this.#failures.get(modelId);
      if (failure !== undefined) return [modelId, { type: 'Failed', message: failure.message }];
      return [modelId, { type: 'Ongoing' }];
    });
  }

  /** The log has it. */
  settle(modelId: ModelId): void {
    if (this.#jobs.get(modelId)?.state === 'Done') this.#jobs.delete(modelId);
  }

  start(card: ModelCard): void {
    const { modelId, fileBytes } = card;
    const { timings, files, stalls, onFault } = this.#init;
    const job: Job = { card, state: 'Running', cancel: () => undefined };
    this.#jobs.set(modelId, job);
    const there = files.has(modelId);
    const stallMs = there ? 0 : (stalls.shift() ?? 0);
    if (stallMs > 0) onFault('downloadStalls');
    const ms = there ? timings.verifyMs : stallMs + (fileBytes / timings.downloadBytesPerSecond) * 1_000;
    job.cancel = this.#init.after(ms, () => this.#finish(job, there));
  }

  cancel(modelId: ModelId): void {
    this.#jobs.get(modelId)?.cancel();
    this.#jobs.delete(modelId);
    this.#failures.delete(modelId);
  }

  /** A person asked for another try: whatever waits is tried at once. */
  retryNow(): void {
    for (const [modelId, job] of this.#jobs) {
      if (job.state !== 'Waiting') continue;
      job.cancel();
      this.#jobs.delete(modelId);
    }
  }

  #finish(job: Job, there: boolean): void {
    const { files, faults, onChange, onFault } = this.#init;
    const { modelId } = job.card;
    const message = there ? undefined : faults.shift();
    if (message === undefined) {
      this.#failures.delete(modelId);
      files.add(modelId);
      job.state = 'Done';
    } else {
      onFault('downloadFails');
      this.#wait(job, message);
    }
    onChange();
  }

  #wait(job: Job, message: string): void {
    const { random, after, onChange } = this.#init;
    const { modelId } = job.card;
    const failures = this.#failures.get(modelId)?.count ?? 0;
    this.#failures.set(modelId, { count: failures + 1, message });
    job.state = 'Waiting';
    const delayMs = backoffMs({ failures, baseMs: 2 * SECOND, capMs: MINUTE, random: random.next() });
    job.cancel = after(delayMs, () => {
      this.#jobs.delete(modelId);
      onChange();
    });
  }
}
