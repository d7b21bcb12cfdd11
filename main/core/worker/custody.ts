import type { RunnerId } from '../id.ts';
import type { Policy } from '../policy.ts';

/**
 * What becomes of a node's runners when its master changes [W12, W13]. Until the node is level with the new master its log
 * says what is not so any more, and nothing is done; then each live runner whose Instance the log lacks is kept and offered
 * for a while. Times are ms of any clock that only goes forward. Every state ends by itself.
 */
export class Custody {
  readonly #policy: Policy;
  #joinUntil: number | undefined;
  readonly #keptSince = new Map<RunnerId, number>();

  constructor(policy: Policy) {
    this.#policy = policy;
  }

  /** It follows a master that it is not level with yet. */
  join(now: number): void {
    this.#joinUntil ??= now + this.#policy.nodeGraceMs;
  }

  /** It is level. @param missing live runners here whose Instance its log lacks */
  level(now: number, missing: readonly RunnerId[]): void {
    this.#joinUntil = undefined;
    for (const runnerId of missing) this.#keptSince.set(runnerId, now);
  }

  /**
   * To be called before each look at the plan.
   * @param missing live runners here whose Instance the log lacks now
   */
  look(now: number, missing: readonly RunnerId[]): void {
    if (this.#joinUntil !== undefined && now >= this.#joinUntil) this.level(now, missing);
    const wanted = new Set(missing);
    for (const [runnerId, since] of this.#keptSince) {
      if (!wanted.has(runnerId) || now >= since + this.#keepMs) this.#keptSince.delete(runnerId);
    }
  }

  /** Whether the log is not to be acted upon. */
  isJoining(now: number): boolean {
    return this.#joinUntil !== undefined && now < this.#joinUntil;
  }

  /** Runners that are not shut down for want of an Instance. */
  get kept(): ReadonlySet<RunnerId> {
    return new Set(this.#keptSince.keys());
  }

  /** Whether the master may adopt it; it is kept for longer, since the answer takes its time. */
  offers(runnerId: RunnerId, now: number): boolean {
    const since = this.#keptSince.get(runnerId);
    return since !== undefined && now < since + this.#policy.nodeGraceMs;
  }

  /** When something of it ends by itself; undefined = nothing is under way. */
  get nextAt(): number | undefined {
    const ends = [...this.#keptSince.values()].map((since) => since + this.#keepMs);
    const times = this.#joinUntil === undefined ? ends : [...ends, this.#joinUntil];
    return times.length === 0 ? undefined : Math.min(...times);
  }

  get #keepMs(): number {
    return this.#policy.nodeGraceMs + this.#policy.nodeSilenceMs;
  }
}
