import type { ModelId, NodeId } from '../../core/id.ts';
import type { ModelCard } from '../../core/model-card.ts';
import { backoffMs } from '../../core/reconcile/backoff.ts';
import type { Download } from '../../core/state.ts';
import type { DownloadTelemetry } from '../../core/telemetry.ts';
import { clampMessage } from '../../core/text.ts';
import { MINUTE, SECOND } from '../../core/unit.ts';
import type { Clock } from '../clock.ts';
import type { EnsureInit, ModelFile } from '../model/model-store.ts';

export interface DownloadsComponents {
  readonly models: { ensure(card: ModelCard, init: EnsureInit): Promise<ModelFile> };
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
}

export interface DownloadsInit {
  readonly nodeId: NodeId;
  /** Something that the plan looks at, or the log lacks, changed. */
  readonly onChange: () => void;
}

interface Job {
  readonly abort: AbortController;
  doneBytes: number;
  readonly totalBytes: number;
  /** Its file is there; kept until the log knows, since the plan would start it again otherwise. */
  complete: boolean;
}

const RETRY_BASE_MS = 2 * SECOND;

/** Fetches and verifies models for the worker; a failure is tried again with growing delay until nobody wants it. */
export class Downloads {
  readonly #components: DownloadsComponents;
  readonly #init: DownloadsInit;
  readonly #jobs = new Map<ModelId, Job>();
  /** Models waiting before the next try; calling ends the wait's timer. */
  readonly #waits = new Map<ModelId, () => void>();
  readonly #failures = new Map<ModelId, { count: number; message: string }>();
  readonly #paths = new Map<ModelId, string>();

  constructor(components: DownloadsComponents, init: DownloadsInit) {
    this.#components = components;
    this.#init = init;
  }

  get view(): Readonly<Record<ModelId, 'Running' | 'Waiting'>> {
    return Object.fromEntries([
      ...[...this.#jobs.keys()].map((modelId) => [modelId, 'Running'] as const),
      ...[...this.#waits.keys()].map((modelId) => [modelId, 'Waiting'] as const),
    ]);
  }

  /** What is so of each model that this node was asked for. */
  get downloads(): readonly (readonly [ModelId, Download])[] {
    const jobs = [...this.#jobs].map(([modelId, job]): readonly [ModelId, Download] => {
      if (job.complete) return [modelId, { type: 'Completed', bytes: job.totalBytes }];
      return [modelId, this.#failureOf(modelId) ?? { type: 'Ongoing' }];
    });
    const waits = [...this.#waits.keys()].flatMap((modelId): (readonly [ModelId, Download])[] => {
      const failure = this.#failureOf(modelId);
      return failure === undefined ? [] : [[modelId, failure]];
    });
    return [...jobs, ...waits];
  }

  /** The log has it. */
  settle(modelId: ModelId): void {
    if (this.#jobs.get(modelId)?.complete === true) this.#jobs.delete(modelId);
  }

  get telemetry(): DownloadTelemetry[] {
    const { nodeId } = this.#init;
    return [...this.#jobs].map(([modelId, { doneBytes, totalBytes }]) => ({
      nodeId,
      modelId,
      doneBytes,
      totalBytes,
    }));
  }

  /** Where the verified file lies; undefined before it is. */
  pathOf(modelId: ModelId): string | undefined {
    return this.#paths.get(modelId);
  }

  start(card: ModelCard): void {
    const { modelId } = card;
    if (this.#jobs.has(modelId)) return;
    this.#waits.get(modelId)?.();
    this.#waits.delete(modelId);
    const job: Job = {
      abort: new AbortController(),
      doneBytes: 0,
      totalBytes: card.fileBytes,
      complete: false,
    };
    this.#jobs.set(modelId, job);
    const onProgress = (doneBytes: number): void => void (job.doneBytes = doneBytes);
    void this.#components.models
      .ensure(card, { signal: job.abort.signal, onProgress })
      .catch((error: unknown): ModelFile => ({
        ok: false,
        error: { type: 'Unusable', message: error instanceof Error ? error.message : String(error) },
      }))
      .then((file) => this.#finish(card, job, file));
  }

  cancel(modelId: ModelId): void {
    this.#jobs.get(modelId)?.abort.abort();
    this.#jobs.delete(modelId);
    this.#waits.get(modelId)?.();
    this.#waits.delete(modelId);
    this.#failures.delete(modelId);
  }

  /** A person asked for another try: whatever waits is tried at once. */
  retryNow(): void {
    for (const modelId of [...this.#waits.keys()]) {
      this.#waits.get(modelId)?.();
      this.#waits.delete(modelId);
    }
    this.#init.onChange();
  }

  /** May be called twice. */
  stop(): void {
    for (const modelId of [...this.#jobs.keys(), ...this.#waits.keys()]) this.cancel(modelId);
  }

  #finish(card: ModelCard, job: Job, file: ModelFile): void {
    const { modelId } = card;
    // A cancelled job's outcome is nobody's business; another may run by now.
    if (this.#jobs.get(modelId) !== job) return;
    if (file.ok) {
      this.#failures.delete(modelId);
      this.#paths.set(modelId, file.value.path);
      job.complete = true;
    } else {
      this.#jobs.delete(modelId);
      this.#failed(modelId, clampMessage(file.error.message));
    }
    this.#init.onChange();
  }

  #failed(modelId: ModelId, message: string): void {
    const { clock, random } = this.#components;
    const failures = this.#failures.get(modelId)?.count ?? 0;
    this.#failures.set(modelId, { count: failures + 1, message });
    const delayMs = backoffMs({ failures, baseMs: RETRY_BASE_MS, capMs: MINUTE, random: random() });
    const cancel = clock.after(delayMs, () => {
      this.#waits.delete(modelId);
      this.#init.onChange();
    });
    this.#waits.set(modelId, cancel);
  }

  #failureOf(modelId: ModelId): Download | undefined {
    const failure = this.#failures.get(modelId);
    return failure && { type: 'Failed', message: failure.message };
  }
}
