import type { SimulatedNode, SimulationFrame } from '../contract/ipc-simulation.ts';
import { SECOND } from '../unit.ts';
import { act } from './act.ts';
import { describeParts } from './describe.ts';
import type { Scenario } from './scenario.ts';
import { World } from './world.ts';

/** Simulated time between two looks at the world. */
const EVERY_MS = 250;

/** Plays a scenario as `simulate` does, and tells after each piece of time in which something happened what came of it. */
export function* simulatedMoments(scenario: Scenario, seed = scenario.seed): Generator<SimulationFrame> {
  const world = new World(scenario, { seed, keepTrace: true });
  const untilMs = scenario.until * SECOND;
  for (const step of scenario.steps) {
    world.timeline.at(step.at * SECOND, () => {
      world.watch.guarded('the scenario', () => {
        const note = act(world, step);
        world.watch.trace({ type: 'step', step, ...(note !== undefined && { note }) });
      });
    });
  }
  world.keepReviewing(untilMs);
  yield { type: 'Began', scenario: scenario.name, about: scenario.about ?? null, seed, untilMs };
  let told = 0;
  let lastState: unknown;
  for (let atMs = EVERY_MS; ; atMs += EVERY_MS) {
    const now = Math.min(atMs, untilMs);
    world.runUntil(now);
    const entries = world.watch.entries.slice(told);
    told += entries.length;
    const { state } = furthest(world);
    if (entries.length > 0 || state !== lastState) {
      yield {
        type: 'Moment',
        atMs: now,
        lines: entries.map((entry) => {
          const [node, text] = describeParts(entry);
          return { node, kind: entry.type, text };
        }),
        nodes: world.machines.map(nodeOf),
        state: state === lastState ? null : state,
      };
    }
    lastState = state;
    if (now === untilMs || world.watch.halted) break;
  }
  world.review();
  const { violations, counts } = world.watch;
  yield {
    type: 'Ended',
    simulatedMs: Math.round(world.timeline.now),
    violations: violations.map(({ atMs, rule, message }) => ({ atMs, rule, message })),
    counts,
  };
}

type Machine = World['machines'][number];

/** The disk of the master, else of the node whose log reaches furthest. */
function furthest({ machines }: World): Machine['disk'] {
  const [first, ...others] = machines;
  if (first === undefined) throw new Error('a scenario has a node');
  const leading = machines.find(({ life }) => life?.leads === true);
  if (leading !== undefined) return leading.disk;
  return others.reduce((best, { disk }) => (disk.last > best.last ? disk : best), first.disk);
}

function nodeOf({ nodeId, name, life, disk }: Machine): SimulatedNode {
  return {
    nodeId,
    name,
    role: life?.replica.role.type ?? 'off',
    lastIndex: disk.last,
    runners: (life?.worker.living ?? []).map(({ runnerId, status }) => ({
      runnerId,
      status: status?.type ?? 'Starting',
    })),
  };
}
