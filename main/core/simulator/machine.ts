import { MemoryDisk } from '../election/memory-disk.ts';
import type { ModelId, NodeId } from '../id.ts';
import type { Instance } from '../instance.ts';
import type { Backend } from '../model-card.ts';
import { GiB } from '../unit.ts';
import { NodeLife } from './node-life.ts';
import type { SeededRandom } from './random.ts';
import type { RunnerFault } from './runner-process.ts';
import type { NodeSpec } from './scenario.ts';
import type { Computer, Surroundings } from './surroundings.ts';

/** How a runner that comes next is to go wrong. */
export interface PlannedFault {
  readonly fault: RunnerFault;
  readonly name: string | undefined;
  times: number;
}

/** One computer: what outlives its processes, and the process that runs now. */
export class Machine implements Computer {
  readonly nodeId: NodeId;
  readonly name: string;
  readonly memoryBytes: number;
  readonly backends: readonly Backend[] | undefined;
  readonly decodeBytesPerSecond: number | undefined;
  readonly files = new Set<ModelId>();
  readonly runnerFaults: PlannedFault[] = [];
  readonly downloadFaults: string[] = [];
  readonly downloadStalls: number[] = [];
  disk: MemoryDisk;
  damaged = false;
  diskFull = false;
  fsyncErrors = 0;
  takenBytes = 0;
  /** How often its addresses changed. */
  moves = 0;
  clockSkewMs: number;
  rdmaOff = false;
  life: NodeLife | undefined;
  #sessions = 0;
  readonly #random: SeededRandom;
  readonly #surroundings: Surroundings;

  constructor(surroundings: Surroundings, spec: NodeSpec, random: SeededRandom) {
    this.#surroundings = surroundings;
    this.#random = random;
    this.nodeId = nodeIdOf(spec.id);
    this.name = spec.friendlyName ?? spec.id;
    this.memoryBytes = Math.round(spec.memoryGiB * GiB);
    this.backends = spec.backends;
    this.decodeBytesPerSecond =
      spec.decodeGBPerSecond === undefined ? undefined : spec.decodeGBPerSecond * 1_000_000_000;
    this.clockSkewMs = spec.clockSkewMs;
    this.disk = new MemoryDisk(surroundings.fold.fold);
  }

  /** Whole ms, as a computer's clock tells them: what it stamped lies never before it. */
  get wallClock(): number {
    return Math.floor(this.#surroundings.startsAt + this.#surroundings.timeline.now + this.clockSkewMs);
  }

  get running(): boolean {
    return this.life !== undefined;
  }

  /** The process starts, if none runs. */
  start(): void {
    if (this.life !== undefined) return;
    this.#sessions += 1;
    this.#surroundings.watch.disturb();
    const life = new NodeLife(this, this.#surroundings, {
      sessionId: `${this.nodeId}.${this.#sessions}`,
      random: this.#random.fork(),
    });
    this.life = life;
    life.begin();
  }

  end(told: boolean): void {
    const { life } = this;
    if (life === undefined) return;
    this.life = undefined;
    this.#surroundings.watch.disturb();
    life.end(told);
  }

  fail(why: string): void {
    const { timeline, watch, scenario } = this.#surroundings;
    watch.trace({ type: 'node', node: this.name, text: `stops: ${why}` });
    this.end(true);
    timeline.after(scenario.timings.restartMs, () => this.start());
  }

  /** Log and files are gone. */
  loseDisk(): void {
    this.end(true);
    this.disk = new MemoryDisk(this.#surroundings.fold.fold);
    this.files.clear();
    this.damaged = true;
  }

  takeRunnerFault(instance: Instance): RunnerFault | undefined {
    const at = this.runnerFaults.findIndex(
      ({ name }) => name === undefined || name === instance.metaInstanceId,
    );
    const planned = this.runnerFaults[at];
    if (planned === undefined) return undefined;
    planned.times -= 1;
    if (planned.times <= 0) this.runnerFaults.splice(at, 1);
    return planned.fault;
  }

  /** Nothing more is to go wrong. */
  calm(): void {
    this.runnerFaults.length = 0;
    this.downloadFaults.length = 0;
    this.downloadStalls.length = 0;
    this.fsyncErrors = 0;
  }
}

export const nodeIdOf = (name: string): NodeId => `node-${name}` as NodeId;
