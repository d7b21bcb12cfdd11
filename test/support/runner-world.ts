import type { RunnerFailure, RunnerPhase, RunnerStatus } from '../../main/core/instance.ts';
import type { RunnerTelemetry } from '../../main/core/telemetry.ts';
import type { TaskEvent } from '../../main/node/api.ts';
import { Supervisor } from '../../main/node/runner/supervisor.ts';
import { FakeClock } from './fake-clock.ts';
import { FakeRunnerHost } from './fake-runner-host.ts';
import type { FakeRunnerProcess } from './fake-runner-host.ts';
import { generation, runnerSetup, silentLog, taskId } from './runner-builders.ts';

/** A supervisor with a scripted runner and a clock that a test moves. */
export interface World {
  readonly clock: FakeClock;
  readonly host: FakeRunnerHost;
  readonly supervisor: Supervisor;
  readonly statuses: RunnerStatus[];
  readonly telemetry: RunnerTelemetry[];
  readonly runner: FakeRunnerProcess;
}

export function world(): World {
  const clock = new FakeClock();
  const host = new FakeRunnerHost();
  const statuses: RunnerStatus[] = [];
  const telemetry: RunnerTelemetry[] = [];
  const supervisor = new Supervisor(
    { host, clock, log: silentLog },
    {
      setup: runnerSetup(),
      onStatus: (status) => statuses.push(status),
      onTelemetry: (entry) => telemetry.push(entry),
    },
  );
  supervisor.start();
  return { clock, host, supervisor, statuses, telemetry, runner: host.last };
}

export const types = (statuses: readonly RunnerStatus[]): string[] => statuses.map(({ type }) => type);

/** Brings a runner to where it is `phase`. */
export function bringTo(phase: RunnerPhase): World {
  const here = world();
  const { supervisor, runner } = here;
  if (phase === 'Starting') return here;
  runner.hello();
  supervisor.connect();
  if (phase === 'Connecting') return here;
  runner.say({ type: 'Connected' });
  supervisor.load();
  if (phase === 'Loading') return here;
  runner.say({ type: 'Loading', layersLoaded: 4, totalLayers: 4 });
  runner.say({ type: 'Loaded', weightBytes: 99, contextTokens: 256 });
  supervisor.warmUp();
  if (phase === 'WarmingUp') return here;
  runner.say({ type: 'WarmedUp' });
  if (phase === 'Serving') return here;
  void supervisor.shutdown();
  return here;
}

/** Lets time pass while the runner sends a heartbeat each 500 ms. */
export async function beat(
  here: World,
  forMs: number,
  beats: (at: number) => number,
  busy = false,
): Promise<void> {
  for (let at = 500; at <= forMs; at += 500) {
    await here.clock.advance(500);
    here.runner.heartbeat(beats(at), busy);
  }
}

export function failure(here: World): RunnerFailure | undefined {
  const last = here.statuses.at(-1);
  return last?.type === 'Failed' ? last.failure : undefined;
}

export const chat = taskId('t1');

export function startTask(here: World, id = chat): TaskEvent[] {
  const events: TaskEvent[] = [];
  here.supervisor.generate(id, generation(), (event) => events.push(event));
  return events;
}
