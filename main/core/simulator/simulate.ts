import { masterOf } from '../election/replica.ts';
import type { NodeId } from '../id.ts';
import type { Condition } from '../meta-instance.ts';
import { phaseLabel } from '../phase.ts';
import type { ClusterState } from '../state.ts';
import { SECOND } from '../unit.ts';
import { values } from '../view.ts';
import { act } from './act.ts';
import type { Scenario } from './scenario.ts';
import type { TraceEntry, Violation } from './trace.ts';
import { World } from './world.ts';

/** The end of one simulation. Plain JSON; the same scenario and seed give the same bytes [V1]. */
export interface SimulationReport {
  readonly scenario: string;
  readonly seed: number;
  readonly simulatedMs: number;
  readonly trace: readonly TraceEntry[];
  readonly nodes: readonly NodeEnd[];
  readonly metaInstances: readonly MetaInstanceEnd[];
  /** Each state that a node's disk ends with, and on which nodes. */
  readonly states: readonly { readonly nodes: readonly string[]; readonly state: ClusterState }[];
  /** How often each kind of thing came about. */
  readonly counts: Readonly<Record<string, number>>;
  /** False = the end came too soon after the last mishap to judge whether everything came to rest [V7]. */
  readonly restChecked: boolean;
  readonly violations: readonly Violation[];
}

export interface NodeEnd {
  readonly nodeId: NodeId;
  readonly name: string;
  readonly role: 'off' | 'Seeking' | 'Campaigning' | 'Following' | 'Master' | 'Stopped';
  readonly master: NodeId | null;
  readonly term: number;
  readonly lastIndex: number;
  /** Processes that live. */
  readonly runners: readonly { readonly runnerId: string; readonly status: string }[];
  readonly files: readonly string[];
}

export interface MetaInstanceEnd {
  readonly name: string;
  readonly phase: string;
  readonly generation: number;
  readonly observedGeneration: number;
  readonly consecutiveFailures: number;
  readonly lastFailure: string | null;
  readonly conditions: Readonly<Record<string, Condition>>;
}

/**
 * Plays a scenario to its end.
 * @param init.keepTrace false = without the trace, for many seeds
 */
export function simulate(
  scenario: Scenario,
  init: { readonly seed?: number | undefined; readonly keepTrace?: boolean } = {},
): SimulationReport {
  const seed = init.seed ?? scenario.seed;
  const world = new World(scenario, { seed, keepTrace: init.keepTrace ?? true });
  const untilMs = scenario.until * SECOND;
  for (const step of scenario.steps) {
    world.timeline.at(step.at * SECOND, () => {
      world.watch.guarded('the scenario', () => {
        const note = act(world, step);
        if (note === undefined) world.watch.count(`step ${step.do}`);
        world.watch.trace({ type: 'step', step, ...(note !== undefined && { note }) });
      });
    });
  }
  world.keepReviewing(untilMs);
  world.runUntil(untilMs);
  return reportOf(world, seed, world.review());
}

function reportOf(world: World, seed: number, restChecked: boolean): SimulationReport {
  const { watch, machines, scenario, timeline } = world;
  const states: { nodes: string[]; state: ClusterState }[] = [];
  for (const { name, disk } of machines) {
    const same = states.find(({ state }) => state === disk.state);
    if (same === undefined) states.push({ nodes: [name], state: disk.state });
    else same.nodes.push(name);
  }
  const newest = states.reduce<ClusterState | undefined>(
    (best, { state }) => (best === undefined || state.lastIndex > best.lastIndex ? state : best),
    undefined,
  );
  const leading = machines.find(({ life }) => life?.leads === true)?.disk.state ?? newest;
  return {
    scenario: scenario.name,
    seed,
    simulatedMs: Math.round(timeline.now),
    trace: watch.entries,
    nodes: machines.map(({ nodeId, name, life, disk, files }): NodeEnd => ({
      nodeId,
      name,
      role: life?.replica.role.type ?? 'off',
      master: life === undefined ? null : masterOf(life.replica),
      term: disk.persisted().ballot.term,
      lastIndex: disk.last,
      runners: (life?.worker.living ?? []).map(({ runnerId, status }) => ({
        runnerId,
        status: status?.type ?? 'Starting',
      })),
      files: [...files],
    })),
    metaInstances: leading === undefined ? [] : metaInstancesOf(leading),
    states,
    counts: watch.counts,
    restChecked,
    violations: watch.violations,
  };
}

function metaInstancesOf(state: ClusterState): MetaInstanceEnd[] {
  return values(state.metaInstances).map((metaInstance) => {
    const { status, generation, metaInstanceId } = metaInstance;
    return {
      name: metaInstanceId,
      phase: phaseLabel(state, metaInstance),
      generation,
      observedGeneration: status.observedGeneration,
      consecutiveFailures: status.consecutiveFailures,
      lastFailure: status.lastFailure?.message ?? null,
      conditions: status.conditions,
    };
  });
}
