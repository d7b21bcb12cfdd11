/** One rung: what is done, and how long its effect is waited for before the next. */
export interface Rung {
  readonly action: 'Shutdown' | 'Wait' | 'SIGTERM' | 'SIGKILL' | 'GiveUp';
  readonly thenMs: number;
}

/** Climbs rung by rung until the process is gone. */
export class StopLadder {
  readonly #rungs: readonly Rung[];
  readonly #act: (action: Rung['action']) => void;
  #position = 0;
  #waitedMs = 0;

  /** Takes the first rung at once. The last is taken once and never left. */
  constructor(rungs: readonly Rung[], act: (action: Rung['action']) => void) {
    this.#rungs = rungs;
    this.#act = act;
    this.#take();
  }

  /** The highest rung taken. */
  get reached(): Rung['action'] {
    return this.#rungs[this.#position]?.action ?? 'GiveUp';
  }

  advance(watchedMs: number): void {
    const rung = this.#rungs[this.#position];
    if (rung === undefined || this.#position === this.#rungs.length - 1) return;
    this.#waitedMs += watchedMs;
    if (this.#waitedMs < rung.thenMs) return;
    this.#position += 1;
    this.#waitedMs = 0;
    this.#take();
  }

  #take(): void {
    const rung = this.#rungs[this.#position];
    if (rung !== undefined) this.#act(rung.action);
  }
}
