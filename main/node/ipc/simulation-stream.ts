import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { StreamItem } from '../../core/contract/ipc.ts';
import { simulatedMoments } from '../../core/simulator/moments.ts';
import { randomScenario } from '../../core/simulator/random-scenario.ts';
import { parseScenario, type Scenario } from '../../core/simulator/scenario.ts';
import { unreachable } from '../../core/result.ts';
import { IpcError } from './ipc-error.ts';

export type SimulationWish =
  | { readonly type: 'Named'; readonly name: string }
  | { readonly type: 'Given'; readonly scenario: Scenario }
  | { readonly type: 'Random'; readonly seed: number; readonly nodes: number };

/** The scenarios of a folder: `preempt.json` → `preempt`, with what each is about. */
export function scenariosIn(folder: string): readonly { readonly name: string; readonly about: string }[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.json'))
    .sort()
    .map((file) => {
      const name = file.slice(0, -'.json'.length);
      return { name, about: scenarioNamed(folder, name).about ?? '' };
    });
}

/** Plays in the node's own process, a piece of simulated time at each turn of its loop. */
export async function* simulationStream(
  folder: string,
  wish: SimulationWish,
  signal: AbortSignal,
): AsyncGenerator<StreamItem<'simulate'>> {
  for (const frame of simulatedMoments(scenarioFor(folder, wish))) {
    if (signal.aborted) return;
    yield frame;
    await setImmediate();
  }
}

function scenarioFor(folder: string, wish: SimulationWish): Scenario {
  switch (wish.type) {
    case 'Named':
      return scenarioNamed(folder, wish.name);
    case 'Given':
      return checked(wish.scenario);
    case 'Random':
      return randomScenario(wish.seed, { least: wish.nodes, most: wish.nodes });
    default:
      return unreachable(wish);
  }
}

function scenarioNamed(folder: string, name: string): Scenario {
  if (!/^[a-z0-9-]+$/.test(name)) throw new IpcError('NotFound', `There is no scenario ${name}.`, 'name');
  let text: string;
  try {
    text = readFileSync(join(folder, `${name}.json`), 'utf8');
  } catch {
    throw new IpcError('NotFound', `There is no scenario ${name}.`, 'name');
  }
  return checked(JSON.parse(text));
}

function checked(json: unknown): Scenario {
  const parsed = parseScenario(json);
  if (parsed.ok) return parsed.scenario;
  throw new IpcError('BadRequest', `The scenario has problems: ${parsed.problems.slice(0, 5).join('; ')}`);
}
