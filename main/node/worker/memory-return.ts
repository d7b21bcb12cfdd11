import { MiB, SECOND } from '../../core/unit.ts';
import type { Clock } from '../clock.ts';
import type { MemoryReader } from '../hardware/memory-reading.ts';

export interface MemoryReturnInit {
  /** How long memory may take to come back. */
  readonly waitMs?: number;
  readonly lookEveryMs?: number;
}

/** What was so before a runner came up. */
export interface Baseline {
  /** Undefined = not known. */
  readonly wiredBytes: Promise<number | undefined>;
  /** Which other runners there were. */
  readonly others: string;
}

/** What a runner held at its end. */
export interface Ended {
  readonly heldBytes: number;
  readonly others: string;
}

const WAIT_MS = 10 * SECOND;
const LOOK_EVERY_MS = SECOND / 2;
/** Less than this is what the rest of the computer does meanwhile. */
const LEAST_BYTES = 256 * MiB;

/**
 * Compares memory before a runner and after its end. Only wired memory tells: a killed process may leave it behind, and
 * nothing else of the computer takes gigabytes of it. Where the system does not tell of it, nothing is concluded.
 */
export class MemoryReturn {
  readonly #clock: Clock;
  readonly #read: MemoryReader;
  readonly #waitMs: number;
  readonly #lookEveryMs: number;
  readonly #waiting = new Set<() => void>();
  #closed = false;

  constructor(
    { clock, read }: { readonly clock: Clock; readonly read: MemoryReader },
    init: MemoryReturnInit = {},
  ) {
    this.#clock = clock;
    this.#read = read;
    this.#waitMs = init.waitMs ?? WAIT_MS;
    this.#lookEveryMs = init.lookEveryMs ?? LOOK_EVERY_MS;
  }

  before(others: string): Baseline {
    return { wiredBytes: this.#wiredBytes(), others };
  }

  /** Resolves when it is back, or when the time is over: to what is missing, 0 = nothing, or nobody can tell. */
  async missingAfter(baseline: Baseline, { heldBytes, others }: Ended): Promise<number> {
    const before = await baseline.wiredBytes;
    if (before === undefined || others !== baseline.others) return 0;
    const until = this.#clock.monotonic() + this.#waitMs;
    for (;;) {
      const now = await this.#wiredBytes();
      const missing = now === undefined ? 0 : missingBytes({ before, now, heldBytes });
      if (this.#closed) return 0;
      if (missing === 0 || this.#clock.monotonic() >= until) return missing;
      await this.#pause();
    }
  }

  /** Nobody waits any more. May be called twice. */
  close(): void {
    this.#closed = true;
    for (const go of this.#waiting) go();
  }

  async #pause(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = this.#clock.after(this.#lookEveryMs, resolve);
    this.#waiting.add(resolve);
    await promise;
    cancel();
    this.#waiting.delete(resolve);
  }

  #wiredBytes(): Promise<number | undefined> {
    return this.#read().then(
      ({ wiredBytes }) => wiredBytes,
      () => undefined,
    );
  }
}

/** At least half of what it held must be gone: a computer that is used takes and gives some in any ten seconds. */
export function missingBytes({
  before,
  now,
  heldBytes,
}: {
  readonly before: number;
  readonly now: number;
  readonly heldBytes: number;
}): number {
  const missing = Math.min(now - before, heldBytes);
  return missing >= Math.max(LEAST_BYTES, heldBytes / 2) ? missing : 0;
}
