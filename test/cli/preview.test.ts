import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseInvocation } from '../../main/cli/arguments.ts';
import { instanceIdFor, type MetaInstanceId, type NodeId } from '../../main/core/id.ts';
import { GiB } from '../../main/core/unit.ts';
import { created, placed } from '../support/core-builders.ts';
import { skein, type Ran } from '../support/fake-io.ts';
import { nodeId, tinyCard } from '../support/fake-node.ts';
import { serveFakeNode, type Bench } from '../support/rest-client.ts';
import { meshOf } from '../support/topology.ts';

const other = 'fake-node-1' as NodeId;
const large = { ...tinyCard, layers: 32, weightBytes: 4 * GiB, kvBytesPerToken: 4_096, hiddenSize: 1_024 };

let bench: Bench;

beforeEach(async () => {
  bench = await serveFakeNode();
  bench.node.cards = [large];
  const name = `other-${'very-'.repeat(12)}long-name\u001b[2J`;
  bench.node.emit({
    type: 'NodeStarted',
    nodeId: other,
    name,
    version: '0',
    sessionId: 's1',
    memoryBytes: 8 * GiB,
  });
  const free = { totalBytes: 8 * GiB, availableBytes: 3 * GiB, at: 0 };
  bench.node.observed = {
    nodes: {
      [nodeId]: { nodeId, ...free, decodeBytesPerSecond: 100e9 },
      [other]: { nodeId: other, ...free, decodeBytesPerSecond: 100e9 },
    },
    runners: {},
    downloads: [],
    links: meshOf([nodeId, other]),
  };
});

afterEach(() => bench.server.stop());

const run = (...args: string[]): Promise<Ran> => skein(bench.port, ['preview', large.modelId, ...args]);

test('places with layers, memory and speed; what was ruled out', async () => {
  const { exit, out, err } = await run();
  expect({ exit, err }).toEqual({ exit: 0, err: '' });
  expect(out).toBe(`Tiny-Chat-1M with a context of 512 tokens: 1 place

1. 2 nodes, Pipeline, MlxRing, 23 tok/s, ready in 6 s
   NODE                              LAYERS    TAKES      FREE       THEN FREE
   fake                              0-15      2.13 GiB   2.75 GiB   639 MiB
   other-very-very-very-very-very-v… 16-31     2.13 GiB   2.75 GiB   639 MiB

Ruled out
   1 node: NotEnoughMemory: Tiny-Chat-1M needs 4.13 GiB on one node; fake has
   2.75 GiB free,
   other-very-very-very-very-very-very-very-very-very-very-very-very-long-name[2
   J has 2.75 GiB free. Free 1.44 GiB on fake, ask for a shorter context, or
   choose a smaller model
`);
});

test('a speed that nobody measured is no figure', async () => {
  const { nodes } = bench.node.observed;
  const unmeasured = { ...nodes[other]!, decodeBytesPerSecond: undefined };
  bench.node.observed = { ...bench.node.observed, nodes: { ...nodes, [other]: unmeasured } };
  expect((await run()).out).toContain('1. 2 nodes, Pipeline, MlxRing, speed not measured, ready in 6 s');
});

test('no place: why, and what would help, one change each', async () => {
  const { exit, out } = await run('--max-nodes', '1');
  expect(exit).toBe(5);
  expect(out).toContain('no place');
  expect(out).toContain('NotEnoughMemory: Tiny-Chat-1M needs 4.13 GiB on one node');
  expect(out).toContain('Any of these would help');
  expect(out).toContain('   allow 2 nodes');
});

test('no line is wider than 80 columns, and nothing moves the cursor', async () => {
  for (const flags of [[], ['--max-nodes', '1'], ['--interconnect', 'MlxJaccl', '--min-nodes', '2']]) {
    const { out } = await run(...flags);
    for (const line of out.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
    expect(out).not.toContain('\u001b');
  }
});

test('--json gives the whole answer', async () => {
  const { out } = await run('--json', '--min-nodes', '2', '--placement', 'fastest', '--node', other);
  expect(JSON.parse(out)).toMatchObject({
    model_id: large.modelId,
    candidates: [{ prediction: { measured: true, nodes: [{}, {}] } }],
    changes: [],
  });
});

test('who would give way, when it may take memory', async () => {
  const low = { ...large, modelId: 'Low' as typeof large.modelId, weightBytes: 2 * GiB };
  const instance = {
    ...placed([nodeId], 'low' as MetaInstanceId, { instanceId: instanceIdFor('low' as MetaInstanceId, 1, 0) })
      .instance,
    card: low,
    assignments: [{ rank: 0, nodeId, firstLayer: 0, lastLayer: 32 }],
  };
  bench.node.automatic = false;
  bench.node.emit(created('low' as MetaInstanceId, { modelId: low.modelId, priority: 10 }, low));
  bench.node.emit({ type: 'InstanceCreated', instance });
  const without = await run();
  expect(without.exit).toBe(5);
  expect(without.out).toContain('   take the memory of low (priority 10) (preempt)');
  const { exit, out } = await run('--preempt');
  expect(exit).toBe(0);
  expect(out).toContain('Once memory was short for a while, gives way\n   low (Low, priority 10) on fake\n');
  expect((await run('--preempt', '--priority', '10')).exit).toBe(5);
});

test('an edit: whether it serves on meanwhile', async () => {
  const small = { ...large, modelId: 'Small' as typeof large.modelId, weightBytes: 1 * GiB };
  bench.node.cards = [large, small];
  await skein(bench.port, ['create', 'Small', '--name', 'mine']);
  const edit = (...flags: string[]): Promise<Ran> =>
    skein(bench.port, ['preview', '--update', 'mine', ...flags]);
  expect((await edit('--context', '64')).out).toContain('mine serves on until its replacement is ready.');
  expect((await edit('--priority', '90')).out).toContain('Of mine nothing is started anew');
  expect(await edit('--min-nodes', '3')).toMatchObject({
    exit: 5,
    out: expect.stringContaining('mine goes on as it is.'),
  });
  const full = { totalBytes: 8 * GiB, availableBytes: GiB / 2, at: 0 };
  const nodes = { [nodeId]: { nodeId, ...full }, [other]: { nodeId: other, ...full } };
  const [serving] = Object.values(bench.node.state().runners);
  const residentBytes = 1.2 * GiB;
  const zero = {
    layersLoaded: 0,
    totalLayers: 32,
    activeTasks: 0,
    queuedTasks: 0,
    weightBytes: 0,
    kvBytes: 0,
  };
  const runners = { [serving!.runnerId]: { runnerId: serving!.runnerId, ...zero, residentBytes } };
  bench.node.observed = { ...bench.node.observed, nodes, runners };
  const { out } = await edit('--context', '64');
  expect(out).toContain('mine stops first');
  expect(out).toContain('To serve on meanwhile, any of these would help\n   free ');
  expect(await skein(bench.port, ['preview', '--update', 'nobody'])).toMatchObject({ exit: 4 });
});

describe('arguments', () => {
  test('all options of a place', () => {
    const argv = ['preview', 'M', '--min-nodes', '2', '--max-nodes', '3', '--node', 'a', '--node', 'b'];
    expect(parseInvocation([...argv, '--placement', 'fastest', '--context', '64'], {})).toMatchObject({
      type: 'preview',
      model: 'M',
      minNodes: 2,
      maxNodes: 3,
      nodes: ['a', 'b'],
      placement: 'fastest',
      context: 64,
    });
  });

  test('the model is needed', () => {
    expect(() => parseInvocation(['preview'], {})).toThrow('MODEL is missing');
  });

  test('what the node does not know is refused with its words', async () => {
    expect(await run('--placement', 'best')).toMatchObject({
      exit: 2,
      err: expect.stringContaining('placement'),
    });
  });
});
