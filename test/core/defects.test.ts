import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ESLint } from 'eslint';
import { describe, expect, test } from 'vitest';
import { admit } from '../../main/core/admit.ts';
import { Command } from '../../main/core/command.ts';
import { Event, InstanceDeletionReason } from '../../main/core/event.ts';
import { Instance, Runner, RunnerPhase, RunnerStatus } from '../../main/core/instance.ts';
import { MetaInstance, MetaInstanceSpec, MetaInstanceStatus } from '../../main/core/meta-instance.ts';
import { explore } from '../../main/core/placement/explore.ts';
import { requestOf } from '../../main/core/placement/place.ts';
import { defaultPolicy } from '../../main/core/policy.ts';
import { done, emit, requeueAfter } from '../../main/core/reconcile/result.ts';
import { parseScenario } from '../../main/core/simulator/scenario.ts';
import { simulate } from '../../main/core/simulator/simulate.ts';
import { Step } from '../../main/core/simulator/step.ts';
import { ClusterState, Download, NodeRecord, type ClusterState as State } from '../../main/core/state.ts';
import { Task } from '../../main/core/task.ts';
import { GiB } from '../../main/core/unit.ts';
import { plan, type LocalView } from '../../main/core/worker/plan.ts';
import { defaultRunnerTimings } from '../../main/node/runner/defaults.ts';
import { card, spec } from '../support/builders.ts';
import {
  ada,
  bob,
  chatInstance,
  context,
  deleting,
  download,
  given,
  instanceDeleted,
  joined,
  onOneNode,
  onThreeNodes,
  placed,
  created,
  runner,
  runnerId,
  telemetry,
  tiny,
} from '../support/core-builders.ts';
import { meshOf } from '../support/topology.ts';

/** What a review found in an earlier program of this kind: each defect, and why it can't be here. */
const root = join(import.meta.dirname, '../..');

/** Objects that throw at any change of them. */
function frozen<Value>(value: Value): Value {
  if (typeof value === 'object' && value !== null) {
    Object.values(value).forEach(frozen);
    Object.freeze(value);
  }
  return value;
}

const nothingHere: LocalView = { runners: {}, downloads: {} };

describe('duplicate union members', () => {
  const unions = { Event, Command, RunnerStatus, Download, Step };
  test.each(Object.entries(unions))('%s names each of its kinds once', (_, union) => {
    const kinds = union.options.map(({ shape }) => {
      const [literal] = 'do' in shape ? shape.do.values : shape.type.values;
      return literal as string;
    });
    expect(kinds.filter((kind, at) => kinds.indexOf(kind) !== at)).toEqual([]);
  });

  test('words of an enumeration are all different', () => {
    for (const { options } of [InstanceDeletionReason, RunnerPhase]) {
      expect(new Set(options).size).toBe(options.length);
    }
  });
});

describe('checks by lint', () => {
  const lint = new ESLint({ cwd: root });
  const rulesFor = async (file: string): Promise<Record<string, readonly [number] | undefined>> => {
    const { rules } = (await lint.calculateConfigForFile(join(root, file))) as {
      rules: Record<string, readonly [number] | undefined>;
    };
    return rules;
  };
  const ERROR = 2;

  test.each([
    ['duplicate union members', '@typescript-eslint/no-duplicate-type-constituents'],
    ['a tautological check at run time', '@typescript-eslint/no-unnecessary-condition'],
    ['untyped field updates', '@typescript-eslint/no-explicit-any'],
    ['untyped field updates', '@typescript-eslint/no-unsafe-assignment'],
    ['a switch that forgets a kind', '@typescript-eslint/switch-exhaustiveness-check'],
  ])('%s is an error in the core: %s', async (_, rule) => {
    expect((await rulesFor('main/core/decide.ts'))[rule]?.[0]).toBe(ERROR);
  });
});

test('untyped field updates: nothing in the core is written by a name that the compiler does not see', () => {
  const files = readdirSync(join(root, 'main/core'), { recursive: true, encoding: 'utf8' }).filter(
    (file) => file.endsWith('.ts') && !file.startsWith('simulator'),
  );
  const loose = /\bas any\b|@ts-|eslint-disable|Object\.assign\(|Reflect\.set\(/;
  expect(files.length).toBeGreaterThan(80);
  expect(files.filter((file) => loose.test(readFileSync(join(root, 'main/core', file), 'utf8')))).toEqual([]);
});

describe('dead fields', () => {
  const sources = readdirSync(join(root, 'main'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => ({ file, text: readFileSync(join(root, 'main', file), 'utf8') }));
  const shapes = {
    MetaInstance,
    MetaInstanceSpec,
    MetaInstanceStatus,
    Instance,
    Runner,
    NodeRecord,
    Task,
    ClusterState,
  };
  test.each(Object.entries(shapes))('each field of %s is read somewhere', (_, schema) => {
    const unread = Object.keys(schema.shape).filter((field) => {
      // `.field`, or taken apart: `{ field }`, `{ field: name }`, `{ …, field = 0 }`.
      const read = new RegExp(`\\.${field}\\b|[{,]\\s*${field}\\s*(:\\s*\\w+\\s*)?(=[^=>]|[,}])`);
      return !sources.some(({ text }) => read.test(text));
    });
    expect(unread).toEqual([]);
  });
});

describe('double close', () => {
  test('a runner that ends already is not ended again', () => {
    const state = given(...onOneNode, runner('Ready'), instanceDeleted);
    const held = (type: 'Ready' | 'ShuttingDown' | 'Shutdown'): LocalView => ({
      ...nothingHere,
      runners: { [runnerId(0)]: { instanceId: chatInstance, status: { type } } },
    });
    expect(plan(state, ada, held('Ready'))?.type).toBe('ShutDownRunner');
    expect(plan(state, ada, held('ShuttingDown'))).toBeUndefined();
    expect(plan(state, ada, held('Shutdown'))).toBeUndefined();
  });
});

test('a delete that crashes a worker: whatever a node holds while its model is deleted, it has an answer', () => {
  const steps = [
    undefined,
    'Idle',
    'Connecting',
    'Loading',
    'WarmingUp',
    'Ready',
    'ShuttingDown',
    'Shutdown',
  ] as const;
  for (const known of steps) {
    for (const held of steps) {
      for (const ends of [[deleting], [instanceDeleted], [deleting, instanceDeleted]]) {
        const told = known === undefined || known === 'Shutdown' ? [] : [runner(known)];
        const state = given(...onOneNode, ...told, ...ends);
        const status = held === undefined ? undefined : { type: held };
        const local = {
          sessionId: 'session-1',
          downloads: { [tiny]: 'Running' } as LocalView['downloads'],
          runners: { [runnerId(0)]: { instanceId: chatInstance, status } },
        };
        const action = plan(state, ada, local);
        const alive = held !== 'ShuttingDown' && held !== 'Shutdown';
        expect(action?.type).toBe(alive ? 'ShutDownRunner' : 'CancelDownload');
      }
    }
  }
});

test('side effects of starting a process: the plan only names the action, and names the same one again', () => {
  const state: State = frozen(given(...onThreeNodes));
  const local = frozen(nothingHere);
  const first = plan(state, ada, local);
  expect(first?.type).toBe('StartRunner');
  expect(plan(state, ada, local)).toEqual(first);
});

test('waits without a deadline: each phase of a runner has one', () => {
  const deadlines: Readonly<Record<RunnerPhase, readonly (keyof typeof defaultRunnerTimings)[]>> = {
    Starting: ['helloMs'],
    Connecting: ['connectMs'],
    Loading: ['loadMs', 'loadProgressMs'],
    WarmingUp: ['warmUpMs'],
    Serving: ['silenceMs', 'engineStuckMs'],
    ShuttingDown: ['shutdownMs', 'terminateMs', 'killMs'],
  };
  for (const name of Object.values(deadlines).flat()) {
    expect(defaultRunnerTimings[name], name).toBeGreaterThan(0);
    expect(defaultRunnerTimings[name], name).toBeLessThanOrEqual(3_600_000);
  }
});

test('a hot reconcile loop: no reconciler can ask to be called again at once', () => {
  for (const delayMs of [-5, 0, 0.2, NaN]) {
    const { result } = requeueAfter(delayMs);
    expect(result).toMatchObject({ type: 'RequeueAfter' });
    expect('delayMs' in result && result.delayMs >= 1, String(delayMs)).toBe(true);
  }
  expect([done.result.type, emit().result.type]).toEqual(['Done', 'Done']);
});

test('a silent change of the placement strategy: several nodes are sharded and joined as asked, or not at all', () => {
  const model = card({ layers: 8, weightBytes: 12 * GiB, heads: 4, kvHeads: 2 });
  const state = given(joined(ada), joined(bob));
  const nodes = telemetry({ [ada]: 8, [bob]: 8 });
  for (const sharding of ['Pipeline', 'Tensor'] as const) {
    for (const interconnect of ['MlxRing', 'MlxJaccl'] as const) {
      for (const rdma of [false, true]) {
        const links = meshOf([ada, bob], { rdma });
        const request = requestOf(spec({ sharding, interconnect, minNodes: 2 }), model, defaultPolicy);
        const { candidates, problem } = explore(state, request, context({ telemetry: { ...nodes, links } }));
        const possible = interconnect === 'MlxRing' || rdma;
        expect(candidates.map((each) => [each.sharding, each.interconnect])).toEqual(
          possible ? [[sharding, interconnect]] : [],
        );
        expect(problem?.reason).toBe(possible ? undefined : 'NoRdma');
      }
    }
  }
});

describe('complete downloads that are told as pending', () => {
  test('a node has verified files: nothing is fetched, and nothing says that it is', () => {
    const state = given(...onOneNode);
    expect(plan(state, ada, nothingHere)?.type).toBe('StartRunner');
    expect(Download.options.map(({ shape }) => shape.type.value)).toEqual(['Ongoing', 'Completed', 'Failed']);
  });

  test('files that nobody wants are still known to be complete', () => {
    const state = given(joined(ada), created(), placed(), instanceDeleted);
    expect(admit(state, download('Completed'))).toBe(true);
    expect(admit(state, download('Ongoing'))).toBe(false);
  });
});

test('leaking side buffers: what is kept grows with what is there, not with what ever was', () => {
  const lives = (count: number): State => {
    const steps = Array.from({ length: count }, (_, at) => [
      { at: 2 + at * 20, do: 'create', name: `chat-${at}`, model: 'Small', node: 'ada' },
      { at: 14 + at * 20, do: 'startTask', name: `chat-${at}`, task: `task-${at}`, seconds: 2 },
      { at: 15 + at * 20, do: 'delete', name: `chat-${at}`, node: 'ada' },
    ]).flat();
    const parsed = parseScenario({
      nodes: [{ id: 'ada', memoryGiB: 16 }],
      models: [{ id: 'Small', layers: 8, weightGiB: 1 }],
      steps,
      until: count * 20 + 20,
      settleSeconds: 20,
    });
    if (!parsed.ok) throw new Error(parsed.problems.join('\n'));
    const { states, counts, restChecked } = simulate(parsed.scenario);
    const { task: tasks } = counts;
    expect([restChecked, tasks]).toEqual([true, count]);
    return { ...states[0]!.state, lastIndex: 0, commands: [] };
  };
  expect(lives(5)).toEqual(lives(1));
});
