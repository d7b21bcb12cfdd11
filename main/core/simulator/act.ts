import type { NodeId } from '../id.ts';
import { unreachable } from '../result.ts';
import { GiB, SECOND } from '../unit.ts';
import { instanceOf } from '../view.ts';
import { ask } from './asking.ts';
import { nodeIdOf, type Machine } from './machine.ts';
import type { RunnerFault } from './runner-process.ts';
import type { Step, StepOf } from './step.ts';
import type { World } from './world.ts';

/** Does what one step says. @returns why it had no effect, if it had none */
export function act(world: World, step: Step): string | undefined {
  const { network, watch } = world;
  switch (step.do) {
    case 'create':
    case 'update':
    case 'pause':
    case 'resume':
    case 'retry':
    case 'load':
    case 'delete':
    case 'placeInstance':
    case 'createInstance':
    case 'deleteInstance':
    case 'cancelTask':
    case 'removeNode':
      return ask(world, step);
    case 'startTask':
      return startTask(world, step);
    case 'hangUp': {
      const found = world.machines.some(({ life }) => life?.clients.end(step.task, { type: 'Cancelled' }));
      return found ? undefined : `no client waits for ${step.task}`;
    }
    case 'start':
      return started(world, world.machine(step.node));
    case 'kill':
      return ended(world, world.machine(step.node), true);
    case 'restart': {
      const machine = world.machine(step.node);
      const note = ended(world, machine, true);
      world.timeline.after(step.downSeconds * SECOND, () => machine.start());
      return note;
    }
    case 'quit': {
      const { life, name } = world.machine(step.node);
      watch.disturb();
      life?.quit();
      return life === undefined ? `${name} does not run` : undefined;
    }
    case 'freeze':
    case 'thaw':
      return freeze(world.machine(step.node), step.do === 'freeze');
    case 'powerCut':
      for (const machine of machinesOf(world, step.nodes)) ended(world, machine, false);
      return undefined;
    case 'powerOn':
      for (const machine of machinesOf(world, step.nodes)) machine.start();
      return undefined;
    case 'join': {
      const machine = world.add({ ...step.as, clockSkewMs: 0, off: false });
      return started(world, machine);
    }
    case 'partition':
      return partition(world, step);
    case 'heal':
      return void world.heal();
    case 'cutLink': {
      const [a, b] = idsOf(step.link);
      if (!network.joins(a, b)) return 'there is no such link';
      if (step.how === 'closed') network.close(a, b);
      else swallow(world, a, b, step.way === 'both');
      return void world.tellAll();
    }
    case 'restoreLink':
      return void world.restoreLink(...step.link);
    case 'slowLink':
      return slow(world, step);
    case 'changeAddress':
      return changeAddress(world, world.machine(step.node));
    case 'rdmaOff':
      world.machine(step.node).rdmaOff = true;
      return void world.tellAll();
    case 'diskFull':
    case 'diskFree':
      world.machine(step.node).diskFull = step.do === 'diskFull';
      return void watch.disturb();
    case 'fsyncError':
      world.machine(step.node).fsyncErrors = step.times;
      return void watch.disturb();
    case 'diskLost': {
      const machine = world.machine(step.node);
      const ran = machine.running;
      machine.loseDisk();
      watch.commands.forget(machine.nodeId);
      watch.disturb();
      if (ran) world.timeline.after(world.scenario.timings.restartMs, () => machine.start());
      return undefined;
    }
    case 'clockSkew':
      world.machine(step.node).clockSkewMs = step.ms;
      return void watch.disturb();
    case 'memory': {
      const machine = world.machine(step.node);
      machine.takenBytes = step.takenGiB * GiB;
      watch.disturb();
      return void machine.life?.tellTelemetry();
    }
    case 'runnerFails':
      return planFault(world, step, {
        phase: step.phase,
        failure: { reason: step.reason, message: step.message },
      });
    case 'runnerExits':
      return planFault(world, step, {
        phase: 'Starting',
        failure: { reason: 'Exited', message: 'exited with code 1' },
      });
    case 'runnerHangs':
      return planFault(world, step, { phase: step.phase, failure: undefined });
    case 'killRunner':
      return killRunner(world, step);
    case 'calm':
      for (const machine of world.machines) machine.calm();
      return void watch.disturb();
    case 'downloadFails': {
      const faults = Array.from({ length: step.times }, () => step.message);
      world.machine(step.node).downloadFaults.push(...faults);
      return void watch.disturb();
    }
    case 'downloadStalls': {
      const stalls = Array.from({ length: step.times }, () => step.seconds * SECOND);
      world.machine(step.node).downloadStalls.push(...stalls);
      return void watch.disturb();
    }
    default:
      return unreachable(step);
  }
}

function startTask(world: World, step: StepOf<'startTask'>): string | undefined {
  const machine =
    step.node === undefined ? world.machines.find(({ running }) => running) : world.machine(step.node);
  const { life } = machine ?? {};
  if (machine === undefined || life === undefined) return 'nobody could be asked';
  const instance = instanceOf(life.state, step.name);
  const ready = life.state.metaInstances[step.name]?.status.conditions.Ready?.status === 'True';
  if (!ready || instance === undefined) return `${step.name} is not ready`;
  world.watch.count('task');
  world.watch.disturb();
  const { instanceId } = instance;
  life.clients.start({ taskId: step.task, metaInstanceId: step.name, instanceId }, step.seconds * SECOND);
  return undefined;
}

function started({ watch }: World, machine: Machine): string | undefined {
  if (machine.running) return `${machine.name} runs already`;
  watch.disturb();
  machine.start();
  return undefined;
}

function ended({ watch }: World, machine: Machine, told: boolean): string | undefined {
  watch.disturb();
  if (!machine.running) return `${machine.name} does not run`;
  if (machine.life?.leads === true) watch.count('masterGone');
  machine.end(told);
  return undefined;
}

function freeze(machine: Machine, still: boolean): string | undefined {
  const { life } = machine;
  if (life === undefined) return `${machine.name} does not run`;
  if (still) life.freeze();
  else life.thaw();
  return undefined;
}

function partition(world: World, { sides, how }: StepOf<'partition'>): undefined {
  for (const [at, side] of sides.entries()) {
    for (const other of sides.slice(at + 1).flat()) {
      for (const one of side) {
        const [a, b] = idsOf([one, other]);
        if (how === 'closed') world.network.close(a, b);
        else swallow(world, a, b, true);
      }
    }
  }
  world.tellAll();
}

function swallow({ network }: World, a: NodeId, b: NodeId, both: boolean): void {
  for (const way of [network.way(a, b), both ? network.way(b, a) : undefined]) {
    if (way !== undefined) way.swallows = true;
  }
}

function slow(world: World, { link, way, latencyMs, lossPercent }: StepOf<'slowLink'>): string | undefined {
  const [a, b] = idsOf(link);
  if (!world.network.joins(a, b)) return 'there is no such link';
  for (const each of [world.network.way(a, b), way === 'both' ? world.network.way(b, a) : undefined]) {
    if (each === undefined) continue;
    each.loss = lossPercent / 100;
    if (latencyMs !== undefined) each.latencyMs = latencyMs;
  }
  world.tellAll();
  return undefined;
}

/** Its connections break; a moment later the others reach it, where they did before, at another address. */
function changeAddress(world: World, machine: Machine): undefined {
  const { network } = world;
  const others = world.machines
    .map((each) => each.nodeId)
    .filter((other) => network.carries(machine.nodeId, other));
  machine.moves += 1;
  for (const other of others) network.close(machine.nodeId, other);
  world.timeline.after(SECOND, () => {
    for (const other of others) network.open(machine.nodeId, other);
    world.tellAll();
  });
  world.tellAll();
}

function planFault(
  world: World,
  { node, name, times }: StepOf<'runnerFails' | 'runnerExits' | 'runnerHangs'>,
  fault: RunnerFault,
): undefined {
  const machines = node === undefined ? world.machines : [world.machine(node)];
  // Without a node the first ones to start a runner share them: one list for all.
  const planned = { fault, name, times };
  for (const machine of machines) machine.runnerFaults.push(planned);
  world.watch.disturb();
}

function killRunner(world: World, { node, name }: StepOf<'killRunner'>): string | undefined {
  const machines = node === undefined ? world.machines : [world.machine(node)];
  const killed = machines.some(({ life }) =>
    life?.worker.crash(
      'killed by signal 9',
      ({ metaInstanceId }) => name === undefined || metaInstanceId === name,
    ),
  );
  if (!killed) return 'no such runner lives';
  world.watch.count('killRunner');
  world.watch.disturb();
  return undefined;
}

function machinesOf(world: World, names: readonly string[] | undefined): readonly Machine[] {
  return names === undefined ? world.machines : names.map((name) => world.machine(name));
}

const idsOf = ([a, b]: readonly [string, string]): [NodeId, NodeId] => [nodeIdOf(a), nodeIdOf(b)];
