import type { RunnerReport, RunnerSetup } from '../../core/contract/runner.ts';
import type { RunnerFailure, RunnerStatus } from '../../core/instance.ts';
import type { RunnerTelemetry } from '../../core/telemetry.ts';
import { SECOND } from '../../core/unit.ts';
import type { RunnerTimings } from './defaults.ts';

type VitalReport = Extract<RunnerReport, { type: 'Loading' | 'Heartbeat' | 'Loaded' }>;

export interface VitalProblem {
  readonly reason: Extract<RunnerFailure['reason'], 'Unresponsive' | 'EngineStuck' | 'PhaseTimeout'>;
  /** Continues the sentence `While loading the model, …`. */
  readonly message: string;
}

/** What a runner's reports, and their absence, say about its health. Counts watched time only (`Watch`). */
export class Vitals {
  readonly #timings: RunnerTimings;
  readonly #stuckMs: number;
  #telemetry: RunnerTelemetry;
  #announced = false;
  #isIdle = false;
  #busy = false;
  #beats = -1;
  #phaseMs = 0;
  /** Since anything was heard. */
  #silentMs = 0;
  /** Since the busy engine's beats rose. */
  #stillMs = 0;
  /** Since a layer was loaded or the beats rose. */
  #noProgressMs = 0;
  #channelLostMs: number | undefined;

  constructor({ runnerId, group }: Pick<RunnerSetup, 'runnerId' | 'group'>, timings: RunnerTimings) {
    this.#timings = timings;
    this.#stuckMs = group === undefined ? timings.engineStuckMs : timings.rankStuckMs;
    this.#telemetry = {
      runnerId,
      layersLoaded: 0,
      totalLayers: 0,
      activeTasks: 0,
      queuedTasks: 0,
      weightBytes: 0,
      kvBytes: 0,
      residentBytes: 0,
    };
  }

  get telemetry(): RunnerTelemetry {
    return this.#telemetry;
  }

  /** Whether all weights of its shard are in memory. */
  get weightsRead(): boolean {
    const { layersLoaded, totalLayers, weightBytes } = this.#telemetry;
    return weightBytes > 0 || (totalLayers > 0 && layersLoaded === totalLayers);
  }

  /** The process said hello: from now on it is expected to be heard. */
  announced(): void {
    this.#announced = true;
    this.#silentMs = 0;
  }

  /** It is ready to connect, and whoever starts the next phase may take the time that takes. */
  idle(): void {
    this.#isIdle = true;
  }

  heard(): void {
    this.#silentMs = 0;
  }

  phaseBegins(): void {
    this.#phaseMs = 0;
    this.#noProgressMs = 0;
    this.#stillMs = 0;
  }

  channelLost(): void {
    this.#channelLostMs ??= 0;
  }

  record(report: VitalReport): RunnerTelemetry {
    if (report.type === 'Heartbeat') {
      if (!report.busy || report.beats !== this.#beats) this.#stillMs = 0;
      if (report.beats !== this.#beats) this.#noProgressMs = 0;
      this.#busy = report.busy;
      this.#beats = report.beats;
      const { activeTasks, queuedTasks, weightBytes, kvBytes, residentBytes } = report;
      this.#telemetry = { ...this.#telemetry, activeTasks, queuedTasks, weightBytes, kvBytes, residentBytes };
    } else if (report.type === 'Loading') {
      this.#noProgressMs = 0;
      this.#stillMs = 0;
      const { layersLoaded, totalLayers } = report;
      this.#telemetry = { ...this.#telemetry, layersLoaded, totalLayers };
    } else {
      const { totalLayers } = this.#telemetry;
      this.#telemetry = { ...this.#telemetry, layersLoaded: totalLayers, weightBytes: report.weightBytes };
    }
    return this.#telemetry;
  }

  advance(watchedMs: number): void {
    this.#phaseMs += watchedMs;
    this.#silentMs += watchedMs;
    this.#noProgressMs += watchedMs;
    if (this.#busy) this.#stillMs += watchedMs;
    if (this.#channelLostMs !== undefined) this.#channelLostMs += watchedMs;
  }

  /** The first limit that is passed in this status, if any. */
  problem(status: RunnerStatus['type']): VitalProblem | undefined {
    const limits = this.#timings;
    if ((this.#channelLostMs ?? 0) >= limits.channelLostMs) {
      return { reason: 'Unresponsive', message: 'the runner closed its channel but did not end' };
    }
    if (!this.#announced) {
      return this.#phaseMs < limits.helloMs ? undefined : late('the process said nothing', limits.helloMs);
    }
    if (this.#silentMs >= limits.silenceMs) {
      return {
        reason: 'Unresponsive',
        message: `the runner process stopped answering for ${seconds(limits.silenceMs)}; it is stopped or blocked`,
      };
    }
    if (this.#stillMs >= this.#stuckMs) {
      return {
        reason: 'EngineStuck',
        message: `the engine made no progress for ${seconds(this.#stuckMs)} although it had work`,
      };
    }
    return this.#phaseProblem(status);
  }

  #phaseProblem(status: RunnerStatus['type']): VitalProblem | undefined {
    const limits = this.#timings;
    if (status === 'Idle' && !this.#isIdle && this.#phaseMs >= limits.helloMs) {
      return late('it opened no port for its peers', limits.helloMs);
    }
    if (status === 'Connecting' && this.#phaseMs >= limits.connectMs) {
      return late('its peers were not reached', limits.connectMs);
    }
    if (status === 'Loading' && this.#phaseMs >= limits.loadMs) {
      return late('loading did not finish', limits.loadMs);
    }
    if (status === 'Loading' && this.#noProgressMs >= limits.loadProgressMs) {
      return late('not one more layer was loaded', limits.loadProgressMs);
    }
    if (status === 'WarmingUp' && this.#phaseMs >= limits.warmUpMs) {
      return late('the first tokens did not come', limits.warmUpMs);
    }
    return undefined;
  }
}

function late(what: string, limitMs: number): VitalProblem {
  return { reason: 'PhaseTimeout', message: `${what} within ${seconds(limitMs)}` };
}

function seconds(ms: number): string {
  return `${Number((ms / SECOND).toFixed(1))} s`;
}
