import type { RunnerSetup } from '../../core/contract/runner.ts';
import type { InstanceId, RunnerId } from '../../core/id.ts';
import type { ParkedProcess } from '../../core/worker/plan.ts';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { RunnerTimings } from '../runner/defaults.ts';
import type { OwnedProcess } from '../runner/owned-process.ts';
import { ParkedRunner } from '../runner/parked-runner.ts';
import type { Baseline } from './memory-return.ts';

export interface ParkingInit {
  readonly timings: RunnerTimings;
  /** What is parked has changed. */
  readonly onChange: () => void;
}

interface Parked {
  readonly runner: ParkedRunner;
  readonly instanceId: InstanceId;
  readonly baseline: Baseline | undefined;
}

/** A process that holds what a setup asks for, and what memory was like before it came up. */
export interface Taken {
  readonly process: OwnedProcess;
  readonly baseline: Baseline | undefined;
}

/** The runner processes of this node that hold weights between two attempts. */
export class Parking {
  readonly #components: { readonly clock: Clock; readonly log: Log };
  readonly #init: ParkingInit;
  readonly #parked = new Map<RunnerId, Parked>();

  constructor(components: { readonly clock: Clock; readonly log: Log }, init: ParkingInit) {
    this.#components = components;
    this.#init = init;
  }

  get view(): readonly ParkedProcess[] {
    return [...this.#parked].map(([runnerId, { runner, instanceId }]) => ({
      runnerId,
      instanceId,
      ending: runner.ending,
    }));
  }

  holds(runnerId: RunnerId): boolean {
    return this.#parked.has(runnerId);
  }

  park(process: OwnedProcess, setup: RunnerSetup, instanceId: InstanceId, baseline?: Baseline): void {
    const { clock, log } = this.#components;
    const onGone = (): void => {
      this.#parked.delete(setup.runnerId);
      this.#init.onChange();
    };
    const runner = new ParkedRunner({ process, clock, log }, { setup, timings: this.#init.timings, onGone });
    this.#parked.set(setup.runnerId, { runner, instanceId, baseline });
  }

  /** What is parked for this setup, if there is anything; it is not parked any more. */
  take(setup: RunnerSetup, of: InstanceId): Taken | undefined {
    const found = [...this.#parked.values()].find(
      ({ runner, instanceId }) => instanceId === of && runner.fits(setup),
    );
    return found && { process: found.runner.take(), baseline: found.baseline };
  }

  end(runnerId: RunnerId, why: string): void {
    void this.#parked.get(runnerId)?.runner.end(why);
  }

  /** Resolves when all their processes are gone. */
  async endAll(why: string): Promise<void> {
    await Promise.all([...this.#parked.values()].map(({ runner }) => runner.end(why)));
  }
}
