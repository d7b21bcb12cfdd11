export interface RateLimitInit {
  /** Runs that a key may make at once after a rest. */
  readonly burst: number;
  /** Runs a second that a key may make for ever. */
  readonly perSecond: number;
}

interface Bucket {
  tokens: number;
  at: number;
}

/** Buckets above this count are looked through for full ones, which say nothing. */
const SWEEP_ABOVE = 256;

/** A token bucket for each key. Times are monotonic milliseconds that the caller passes. */
export class RateLimit {
  readonly #init: RateLimitInit;
  readonly #buckets = new Map<string, Bucket>();

  constructor(init: RateLimitInit) {
    this.#init = init;
  }

  /** Takes one run. Returns 0, or how many milliseconds to wait before asking again; then none was taken. */
  take(key: string, now: number): number {
    if (this.#buckets.size > SWEEP_ABOVE) this.#sweep(now);
    const bucket = this.#buckets.get(key) ?? { tokens: this.#init.burst, at: now };
    bucket.tokens = this.#tokensAt(bucket, now);
    bucket.at = now;
    this.#buckets.set(key, bucket);
    if (bucket.tokens < 1) return Math.ceil(((1 - bucket.tokens) * 1_000) / this.#init.perSecond);
    bucket.tokens -= 1;
    return 0;
  }

  #tokensAt({ tokens, at }: Bucket, now: number): number {
    return Math.min(this.#init.burst, tokens + ((now - at) * this.#init.perSecond) / 1_000);
  }

  #sweep(now: number): void {
    for (const [key, bucket] of this.#buckets) {
      if (this.#tokensAt(bucket, now) >= this.#init.burst) this.#buckets.delete(key);
    }
  }
}
