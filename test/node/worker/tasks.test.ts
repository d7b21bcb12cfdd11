import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CommandId, instanceIdFor, MetaInstanceId, TaskId, type NodeId } from '../../../main/core/id.ts';
import { ok } from '../../../main/core/result.ts';
import type { ClusterState } from '../../../main/core/state.ts';
import type { TaskEvent } from '../../../main/node/api.ts';
import { systemClock } from '../../../main/node/clock.ts';
import type { PeerNetwork } from '../../../main/node/peer/network.ts';
import { LoadOnRequest } from '../../../main/node/worker/load-on-request.ts';
import type { TaskLeader } from '../../../main/node/worker/task-leader.ts';
import { TaskService } from '../../../main/node/worker/task-service.ts';
import { Tasks } from '../../../main/node/worker/tasks.ts';
import {
  ada,
  after,
  bob,
  cancelling,
  created,
  cyd,
  given,
  joined,
  placed,
  runner,
  taskStarted,
} from '../../support/core-builders.ts';
import { MemoryAir } from '../../support/memory-peer-network.ts';
import { generation, silentLog } from '../../support/runner-builders.ts';

const first = MetaInstanceId.parse('first');
const second = MetaInstanceId.parse('second');
const usage = { promptTokens: 1, completionTokens: 1 };

/** One model twice: on bob and on cyd. Its clients are at ada, which runs nothing. */
const both = given(
  joined(ada),
  joined(bob),
  joined(cyd),
  ...(
    [
      [first, bob],
      [second, cyd],
    ] as const
  ).flatMap(([metaInstanceId, nodeId]) => [
    created(metaInstanceId),
    placed([nodeId], metaInstanceId),
    runner('Ready', { instanceId: instanceIdFor(metaInstanceId, 1, 0), nodeId }),
  ]),
);

let state: ClusterState;
let air: MemoryAir;
let network: PeerNetwork;
let tasks: Tasks;
let reported: string[];
let cancelled: NodeId[];
/** What the rank 0 of a node says to each task. */
let says: Record<NodeId, (taskId: TaskId, sink: (event: TaskEvent) => void) => void>;
let others: PeerNetwork[];

const takes =
  (text: string) =>
  (taskId: TaskId, sink: (event: TaskEvent) => void): void =>
    sink({ type: 'Chunk', taskId, text, tokens: 1, sampledAtUs: 0 });
const isFull = (taskId: TaskId, sink: (event: TaskEvent) => void): void =>
  sink({ type: 'TaskRefused', taskId, code: 'QueueFull', message: 'full' });

beforeEach(async () => {
  state = both;
  // What a task of an earlier test says as it ends is not this one's.
  const told: string[] = [];
  reported = told;
  cancelled = [];
  says = { [bob]: takes('from bob'), [cyd]: takes('from cyd') };
  air = new MemoryAir({ clock: systemClock });
  network = air.join({ nodeId: ada, sessionId: 'a' });
  others = [bob, cyd].map((nodeId) => air.join({ nodeId, sessionId: nodeId }));
  for (const [at, nodeId] of [bob, cyd].entries()) {
    const leader: TaskLeader = {
      runningTasks: 0,
      generate: (taskId, _generation, sink) => says[nodeId]?.(taskId, sink),
      cancel: () => cancelled.push(nodeId),
    };
    await new TaskService({ network: others[at]!, leaderOf: () => leader, log: silentLog }).start();
  }
  await Promise.all([network, ...others].map((each) => each.start()));
  await expect.poll(() => network.peers.length).toBe(2);
  let drawn = 0;
  const loads = new LoadOnRequest(
    {
      clock: systemClock,
      newCommandId: () => CommandId.parse('load'),
      submit: async () => ok(undefined),
    },
    { state: () => state },
  );
  tasks = new Tasks(
    {
      leaderOf: () => undefined,
      network,
      newTaskId: () => TaskId.parse(`task-${(drawn += 1)}`),
      loads,
      clock: systemClock,
    },
    { nodeId: ada, state: () => state, report: ({ type, taskId }) => told.push(`${type} ${taskId}`) },
  );
});

afterEach(() => Promise.all([network, ...others].map((each) => each.stop())));

async function answerOf(target = 'Tiny'): Promise<string> {
  const started = await tasks.start(target, generation());
  if (!started.ok) return started.error.code;
  for await (const event of started.value) if (event.type === 'Chunk') return event.text;
  return 'nothing';
}

describe('a chat at a node that does not run the model', () => {
  it('is answered by the node that runs it; the log hears of its start and its end from the node of its client', async () => {
    says[bob] = (taskId, sink) => {
      takes('from bob')(taskId, sink);
      sink({ type: 'TaskEnded', taskId, end: { type: 'Stop' }, usage });
    };
    expect(await answerOf('first')).toBe('from bob');
    await expect.poll(() => reported).toEqual(['TaskStarted task-1', 'TaskEnded task-1']);
  });

  it('goes to the least busy of several Instances, also when the log has not heard of the newest tasks yet', async () => {
    const busy = taskStarted('elsewhere', instanceIdFor(first, 1, 0), cyd);
    state = after(both, busy);
    const running = await tasks.start('Tiny', generation());
    expect(running.ok).toBe(true);
    // One task on each now: by their order again.
    expect(await answerOf()).toBe('from bob');
    expect(await answerOf('second')).toBe('from cyd');
  });

  it.each([
    ['whose queue is full', () => void (says[bob] = isFull)],
    ['whose node can not be reached', () => air.kill(bob)],
  ])('is answered by another Instance instead of one %s', async (_, happens) => {
    happens();
    expect(await answerOf()).toBe('from cyd');
    expect(reported.filter((each) => each.startsWith('TaskStarted'))).toHaveLength(1);
  });

  it('is refused once no Instance takes it', async () => {
    says[bob] = isFull;
    says[cyd] = isFull;
    expect(await answerOf()).toBe('QueueFull');
    expect(reported).toEqual([]);
  });

  it.each([
    ['by its event', () => tasks.onEntry({ index: state.lastIndex, at: 0, event: cancelling })],
    ['with a whole state that came', () => tasks.onReset()],
  ])('[L16] is cancelled where it runs, when the log says so %s', async (_, happens) => {
    const started = await tasks.start('first', generation());
    expect(started.ok).toBe(true);
    state = after(both, taskStarted('task-1', instanceIdFor(first, 1, 0), ada), cancelling);
    happens();
    await expect.poll(() => cancelled).toEqual([bob]);
  });
});
