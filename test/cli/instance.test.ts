import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseInvocation } from '../../main/cli/arguments.ts';
import { formatTable } from '../../main/cli/table.ts';
import { uncoloured } from '../../main/cli/terminal.ts';
import type { InstanceId } from '../../main/core/id.ts';
import { skein, type Ran } from '../support/fake-io.ts';
import { nodeId, tinyCard } from '../support/fake-node.ts';
import { hello, serveFakeNode, tinyId, type Bench } from '../support/rest-client.ts';

let bench: Bench;
let folder: string;
const run = (...args: string[]): Promise<Ran> => skein(bench.port, args);

beforeEach(async () => {
  bench = await serveFakeNode();
  folder = mkdtempSync(join(tmpdir(), 'skein-cli-'));
});

afterEach(async () => {
  await bench.server.stop();
  rmSync(folder, { recursive: true });
});

const instances = (): string[] => Object.keys(bench.node.state().instances);

describe('Instances by themselves', () => {
  test('place prints the name, instances lists it, stop ends it', async () => {
    const placed = await run('place', tinyCard.modelId, '--context', '64');
    expect({ ...placed, out: placed.out.trim() }).toEqual({ exit: 0, out: instances()[0], err: '' });
    const id = placed.out.trim();
    expect(bench.node.state().instances[id as InstanceId]).toMatchObject({
      metaInstanceId: null,
      contextLength: 64,
    });
    expect((await run('instances')).out).toBe(
      [
        `${'INSTANCE'.padEnd(id.length)}  MODEL         RUNNERS   NODES`,
        `${id}  ${tinyCard.modelId}  Starting  fake`,
        '',
      ].join('\n'),
    );
    expect(await run('stop', id)).toEqual({ exit: 0, out: '', err: '' });
    expect(instances()).toEqual([]);
    expect((await run('instances')).out).toContain('No Instance');
  });

  test('no place → refused with the reason', async () => {
    expect(await run('place', tinyCard.modelId, '--min-nodes', '3')).toMatchObject({
      exit: 2,
      out: '',
      err: 'skein: asks for 3 nodes; this cluster has 1. Ask for fewer, or add nodes\n',
    });
  });

  test('a file places it by hand', async () => {
    const shard = { deviceRank: 0, startLayer: 0, endLayer: tinyCard.layers };
    const file = join(folder, 'placed.json');
    const body = {
      instance: {
        MlxRingInstance: {
          instanceId: 'by-hand',
          shardAssignments: {
            modelId: tinyCard.modelId,
            runnerToShard: { r: { PipelineShardMetadata: shard } },
            nodeToRunner: { [nodeId]: 'r' },
          },
        },
      },
    };
    writeFileSync(file, JSON.stringify(body));
    expect(await run('place', '--file', file)).toEqual({ exit: 0, out: 'by-hand\n', err: '' });
    expect(instances()).toEqual(['by-hand']);
  });

  test('a file that is none, or that is not there → exit 2 with its name', async () => {
    const file = join(folder, 'broken.json');
    writeFileSync(file, '{');
    for (const each of [file, join(folder, 'absent.json')]) {
      expect(await run('place', '--file', each)).toMatchObject({
        exit: 2,
        err: expect.stringContaining(each),
      });
    }
  });

  test('stop of what is not there → exit 4', async () => {
    expect(await run('stop', 'nobody')).toMatchObject({
      exit: 4,
      err: 'skein: There is no Instance nobody.\n',
    });
  });
});

describe('tasks', () => {
  test('tasks lists the chats under way, cancel ends one', async () => {
    await run('create', tinyCard.modelId);
    expect((await run('tasks')).out).toBe('No task runs.\n');
    const chat = bench.ask('/v1/chat/completions', { body: hello });
    await expect.poll(() => bench.node.tasks.length).toBe(1);
    const { taskId } = bench.node.tasks[0]!;
    const { out } = await run('tasks');
    expect(out).toContain('TASK');
    const { nodes, tasks } = bench.node.state();
    const task = tasks[taskId]!;
    const name = nodes[task.nodeId]!.name;
    expect(out).toMatch(new RegExp(`^${taskId} +${tinyId} +Running +${name} +\\d`, 'm'));
    const told = {
      ...task,
      promptTokens: 9,
      processedTokens: 4,
      tokens: 0,
      tokensPerSecond: null,
      paused: false,
    };
    bench.node.observed = { ...bench.node.observed, tasks: { [taskId]: told } };
    expect((await run('tasks')).out).toContain('prompt 4 of 9');
    bench.node.observed = {
      ...bench.node.observed,
      tasks: { [taskId]: { ...told, tokens: 37, tokensPerSecond: 41.2 } },
    };
    expect((await run('tasks')).out).toContain('37 tokens, 41.2 tok/s');
    expect(await run('cancel', taskId)).toEqual({ exit: 0, out: '', err: '' });
    expect((await run('tasks')).out).toContain('Cancelling');
    bench.node.tasks[0]!.cancel();
    expect((await chat).status).toBe(503);
  });

  test('cancel of what does not run → exit 4', async () => {
    expect(await run('cancel', 'none')).toMatchObject({ exit: 4, err: 'skein: no task none is running\n' });
  });
});

describe('arguments', () => {
  test.each([
    [['place'], 'MODEL is missing'],
    [['place', 'M', '--file', 'f'], 'Too many arguments for place: M'],
    [['stop'], 'INSTANCE is missing'],
    [['cancel'], 'TASK is missing'],
    [['tasks', 'a'], 'Too many arguments for tasks: a'],
    [['create', 'M', '--no-preempt'], "Unknown option '--no-preempt'"],
  ])('skein %j', (argv, says) => {
    expect(() => parseInvocation(argv, {})).toThrow(says);
  });

  test('all of an edit', () => {
    const argv = [
      'update',
      'a',
      '--max-nodes',
      '3',
      '--node',
      'n1',
      '--node',
      'n2',
      '--placement',
      'fastest',
    ];
    expect(parseInvocation([...argv, '--preempt'], {})).toMatchObject({
      maxNodes: 3,
      nodes: ['n1', 'n2'],
      placement: 'fastest',
      preempt: true,
    });
    expect(
      parseInvocation(['update', 'a', '--max-nodes', 'any', '--node', 'any', '--no-preempt'], {}),
    ).toMatchObject({ maxNodes: null, nodes: [], preempt: false });
    expect(parseInvocation(['update', 'a', '--priority', '1'], {})).toMatchObject({
      maxNodes: undefined,
      nodes: undefined,
      preempt: undefined,
    });
  });
});

describe('a table', () => {
  const table = (width: number, ...rows: string[][]): string =>
    formatTable(['A', 'LONGHEAD', 'C'], rows, { width, style: uncoloured, empty: 'none' });
  test('as wide as its texts; too narrow, the widest is cut, never the name', () => {
    expect(table(80, ['id', 'text', 'c'])).toBe('A   LONGHEAD  C\nid  text      c\n');
    expect(table(80)).toBe('none\n');
    const narrow = table(40, ['a-name-that-others-take', 'x'.repeat(40), 'end']);
    expect(narrow).toContain('a-name-that-others-take  xxxxxxxxx…  end');
    expect(table(80, ['i\u001b[2Jd', 'b', 'c'])).not.toContain('\u001b');
  });
});
