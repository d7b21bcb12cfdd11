import { describe, expect, test } from 'vitest';
import { addSeed, emptySummary, missing, sometimes } from '../../../main/core/simulator/campaign.ts';
import { randomScenario } from '../../../main/core/simulator/random-scenario.ts';
import { SeededRandom } from '../../../main/core/simulator/random.ts';
import { parseScenario, scenarioSchema, type Scenario } from '../../../main/core/simulator/scenario.ts';
import { simulate } from '../../../main/core/simulator/simulate.ts';

function scenario(fields: Record<string, unknown>): Scenario {
  const parsed = parseScenario({
    nodes: [
      { id: 'ada', memoryGiB: 16 },
      { id: 'bob', memoryGiB: 16 },
    ],
    models: [{ id: 'Small', layers: 8, weightGiB: 1 }],
    until: 60,
    settleSeconds: 20,
    ...fields,
  });
  if (!parsed.ok) throw new Error(parsed.problems.join('\n'));
  return parsed.scenario;
}

const create = { at: 2, do: 'create', name: 'chat', model: 'Small', node: 'ada' };

describe('a simulation', () => {
  test('[V1] the same scenario and seed give the same bytes, another seed another course', () => {
    const life = randomScenario(7, { least: 3, most: 3 });
    const played = (seed: number): string => JSON.stringify(simulate(life, { seed }));
    expect(played(7)).toBe(played(7));
    expect(played(8)).not.toBe(played(7));
  });

  test('[V1] seeds side by side give lives of their own, also large ones', () => {
    for (const first of [1, 65_000, 103_000, 2 ** 31, 2 ** 40]) {
      const begun = Array.from({ length: 2_000 }, (_, at) => {
        const random = new SeededRandom(first + at);
        return `${random.next()} ${random.next()}`;
      });
      expect([first, new Set(begun).size]).toEqual([first, 2_000]);
    }
  });

  test('[V2] a command becomes an event at the master, is placed, and its runner comes up by the plan', () => {
    const { trace, metaInstances } = simulate(scenario({ steps: [create] }));
    const events = trace.flatMap((entry) => (entry.type === 'event' ? [entry.event.type] : []));
    expect(events.slice(2, 4)).toEqual(['MetaInstanceCreated', 'InstanceCreated']);
    const actions = trace.flatMap((entry) => (entry.type === 'action' ? [entry.action] : []));
    expect(actions).toEqual(['StartDownload', 'StartRunner', 'ConnectRunner', 'LoadRunner', 'WarmUpRunner']);
    expect(metaInstances.map(({ name, phase }) => [name, phase])).toEqual([['chat', 'READY']]);
  });

  test('[V3] a report that got lost is said again until the log has it', () => {
    const cut = { do: 'cutLink', link: ['ada', 'bob'], how: 'silent' };
    const steps = [create, { at: 13, ...cut }, { at: 15, do: 'heal' }];
    const report = simulate(scenario({ steps }));
    expect(report.violations).toEqual([]);
    expect(report.restChecked).toBe(true);
    expect(report.metaInstances[0]?.phase).toBe('READY');
  });

  test('[V8] some seeds of random lives keep every rule, and every kind of mishap strikes', () => {
    let summary = emptySummary;
    for (let seed = 1; seed <= 250; seed += 1) summary = addSeed(summary, seed, { least: 2, most: 5 });
    expect(summary.violations).toEqual([]);
    expect(missing(summary)).toEqual([]);
  }, 60_000);
});

test('[V8] the schema that is published has every verb a person may want', () => {
  const published = JSON.stringify(scenarioSchema());
  const verbs = [
    ...['create', 'update', 'pause', 'resume', 'retry', 'load', 'delete'],
    ...['placeInstance', 'createInstance', 'deleteInstance', 'startTask', 'cancelTask', 'hangUp'],
    ...['start', 'kill', 'restart', 'quit', 'freeze', 'thaw', 'powerCut', 'powerOn', 'join'],
    ...['partition', 'heal', 'cutLink', 'restoreLink', 'slowLink', 'changeAddress', 'rdmaOff'],
    ...['diskFull', 'diskFree', 'fsyncError', 'diskLost', 'clockSkew', 'memory'],
    ...['runnerFails', 'runnerExits', 'runnerHangs', 'killRunner', 'calm', 'downloadFails', 'downloadStalls'],
  ];
  for (const verb of verbs) {
    expect([verb, published.includes(`"const":"${verb}"`)]).toEqual([verb, true]);
    expect(sometimes).toContain(`step ${verb}`);
  }
  expect(published).toContain('"const":"removeNode"');
});

describe('a scenario with problems is refused with the path of each', () => {
  const good = {
    nodes: [{ id: 'ada', memoryGiB: 8 }],
    models: [{ id: 'M', layers: 1, weightGiB: 1 }],
    until: 9,
  };
  test.each([
    [
      { ...good, steps: [{ at: 1, do: 'kill', node: 'bob' }] },
      'steps[0].node: there is no node "bob"; known are ada',
    ],
    [{ ...good, steps: [{ at: 1, do: 'fly' }] }, 'steps[0].do: Invalid'],
    [
      { ...good, steps: [{ at: 1, do: 'kill', node: 'ada', hard: true }] },
      'steps[0]: Unrecognized key: "hard"',
    ],
    [{ ...good, steps: [{ at: 10, do: 'heal' }] }, 'steps[0].at: 10 lies after the end (until = 9)'],
    [
      { ...good, steps: [{ at: 1, do: 'create', name: 'a', model: 'N' }] },
      'steps[0]: there is no model "N"; known are M',
    ],
    [{ ...good, nodes: [], steps: [] }, 'nodes: Too small'],
    [{ ...good, nodes: [good.nodes[0], good.nodes[0]], steps: [] }, 'nodes: two nodes have the same id'],
    [
      { ...good, links: [{ between: ['ada', 'eve'] }], steps: [] },
      'links[0].between[1]: there is no node "eve"',
    ],
    [
      { ...good, steps: [{ at: 1, do: 'partition', sides: [['ada'], ['eve']] }] },
      'steps[0].sides[1][0]: there is no node',
    ],
    ['text', 'the file: Invalid input'],
  ])('%j', (json, problem) => {
    const parsed = parseScenario(json);
    expect(parsed.ok ? [] : parsed.problems.join('\n')).toContain(problem);
  });

  test('a node that a step adds is known from then on', () => {
    const join = { at: 1, do: 'join', as: { id: 'eve', memoryGiB: 8 } };
    const kill = { at: 2, do: 'kill', node: 'eve' };
    expect(parseScenario({ ...good, steps: [kill, join] }).ok).toBe(true);
    expect(parseScenario({ ...good, steps: [{ ...kill, at: 0.5 }, join] }).ok).toBe(false);
  });
});
