import { unreachable } from '../../core/result.ts';
import type { RunnerTimings } from './defaults.ts';
import type { RunnerProcess } from './host.ts';

/** One rung: what is done, and how long its effect is waited for before the next. */
export interface Rung {
  readonly action: 'Park' | 'Shutdown' | 'Wait' | 'SIGTERM' | 'SIGKILL' | 'GiveUp';
  readonly thenMs: number;
}

type Timings = Pick<
  RunnerTimings,
  'parkMs' | 'shutdownMs' | 'terminateMs' | 'killMs' | 'unresponsiveTerminateMs'
>;

const signals = ({ terminateMs, killMs }: Timings): readonly Rung[] => [
  { action: 'SIGTERM', thenMs: terminateMs },
  { action: 'SIGKILL', thenMs: killMs },
  { action: 'GiveUp', thenMs: Infinity },
];

/** For a runner that listens: its engine leaves the group first, which tells all other ranks. */
export const shutdownRungs = (timings: Timings): readonly Rung[] => [
  { action: 'Shutdown', thenMs: timings.shutdownMs },
  ...signals(timings),
];

/** For one whose weights the next attempt may use. */
export const parkRungs = (timings: Timings): readonly Rung[] => [
  { action: 'Park', thenMs: timings.parkMs },
  ...shutdownRungs(timings),
];

/** For one that said it is about to end. */
export const leavingRungs = (timings: Timings): readonly Rung[] => [
  { action: 'Wait', thenMs: timings.terminateMs },
  ...signals(timings),
];

/** For one that does not listen. */
export const deafRungs = (timings: Timings): readonly Rung[] =>
  signals({ ...timings, terminateMs: timings.unresponsiveTerminateMs });

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

/** A ladder whose rungs act on this process. */
export function climb(process: RunnerProcess, rungs: readonly Rung[], giveUp: () => void): StopLadder {
  return new StopLadder(rungs, (action) => {
    switch (action) {
      case 'Wait':
        return;
      case 'Park':
      case 'Shutdown':
        process.send({ type: action });
        return;
      case 'SIGTERM':
      case 'SIGKILL':
        return process.kill(action);
      case 'GiveUp':
        return giveUp();
      default:
        return unreachable(action);
    }
  });
}
