import { backoffMs } from '../../core/reconcile/backoff.ts';
import type { ReconcileResult } from '../../core/reconcile/result.ts';
import { unreachable } from '../../core/result.ts';
import { MINUTE, SECOND } from '../../core/unit.ts';
import type { Clock } from '../clock.ts';
import type { Startable } from '../lifecycle.ts';
import type { Log } from '../log.ts';
import { RateLimit } from './rate-limit.ts';
import { WorkQueue } from './work-queue.ts';

export interface ControllerComponents {
  readonly clock: Clock;
  readonly log: Log;
  /** In [0, 1). */
  readonly random: () => number;
}

export interface ControllerInit<Key extends string> {
  /** What the keys are, for log lines, e.g. `meta-instance`. */
  readonly name: string;
  /** Brings one object a step closer to what is wanted. Told only the key: it looks at the state itself. */
  readonly reconcile: (key: Key) => Promise<ReconcileResult> | ReconcileResult;
  /** Keys reconciled at the same time. Default 1: then two placements see each other. */
  readonly concurrency?: number;
  /** Delay after the first error; doubles with each further one. Default 200 ms. */
  readonly backoffBaseMs?: number;
  /** Longest delay after an error. Default 1 minute. */
  readonly backoffCapMs?: number;
  /** Runs of one key that may follow each other at once. Default 30. */
  readonly burst?: number;
  /** Runs a second of one key beyond that. Default 5. */
  readonly perSecond?: number;
  /** A reconcile that takes longer no longer holds up other keys. Default 30 s. */
  readonly slowAfterMs?: number;
}

const STOP_TIMEOUT_MS = 5 * SECOND;

/**
 * Runs a reconcile function by key, by level: a key is added when something about it may have changed. A throw is
 * logged and tried again with growing delay; a key that never comes to rest is slowed down; neither stops other keys.
 */
export class Controller<Key extends string> implements Startable {
  readonly #components: ControllerComponents;
  readonly #init: ControllerInit<Key>;
  readonly #queue: WorkQueue<Key>;
  readonly #rate: RateLimit;
  readonly #failures = new Map<Key, number>();
  readonly #hot = new Set<Key>();

  constructor(components: ControllerComponents, init: ControllerInit<Key>) {
    this.#components = components;
    this.#init = init;
    this.#rate = new RateLimit({ burst: init.burst ?? 30, perSecond: init.perSecond ?? 5 });
    const slowAfterMs = init.slowAfterMs ?? 30 * SECOND;
    this.#queue = new WorkQueue<Key>(components, {
      work: (key) => this.#work(key),
      concurrency: init.concurrency ?? 1,
      slowAfterMs,
      onSlow: (key) =>
        components.log.error(`Reconciling takes longer than ${slowAfterMs} ms; other ${init.name}s go on`, {
          key,
        }),
    });
  }

  async start(): Promise<void> {
    this.#queue.start();
  }

  /** Something about the key may have changed. Before `start` it waits; after `stop` it has no effect. */
  add(key: Key): void {
    this.#queue.add(key);
  }

  /** Starts no reconcile any more; waits for the running ones, at most 5 s. May be called twice. */
  async stop(): Promise<void> {
    const late = await this.#queue.stop(STOP_TIMEOUT_MS);
    if (late.length > 0) {
      this.#components.log.warn(`Stopped without waiting for the ${this.#init.name}s that still reconcile`, {
        late,
      });
    }
  }

  async #work(key: Key): Promise<void> {
    const { clock, log } = this.#components;
    const waitMs = this.#rate.take(key, clock.monotonic());
    if (waitMs > 0) {
      if (!this.#hot.has(key))
        log.warn(`This ${this.#init.name} does not come to rest; it is slowed down`, { key });
      this.#hot.add(key);
      this.#queue.addAfter(key, waitMs);
      return;
    }
    try {
      const result = await this.#init.reconcile(key);
      this.#failures.delete(key);
      this.#follow(key, result);
    } catch (error) {
      this.#backOff(key, error);
    }
  }

  #follow(key: Key, result: ReconcileResult): void {
    switch (result.type) {
      case 'Done':
        this.#hot.delete(key);
        return;
      case 'RequeueAfter':
        this.#queue.addAfter(key, result.delayMs);
        return;
      default:
        unreachable(result);
    }
  }

  #backOff(key: Key, error: unknown): void {
    const { log, random } = this.#components;
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failures + 1);
    const baseMs = this.#init.backoffBaseMs ?? 200;
    const capMs = this.#init.backoffCapMs ?? MINUTE;
    const delayMs = backoffMs({ failures, baseMs, capMs, random: random() });
    const about = { key, attempt: failures + 1, retryInMs: delayMs, problem: error };
    log.error(`Reconciling this ${this.#init.name} failed`, about);
    this.#queue.addAfter(key, delayMs);
  }
}
