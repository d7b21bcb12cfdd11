import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { GenerationRequest } from '../../../main/core/contract/runner.ts';
import type { InstanceId, NodeId, TaskId } from '../../../main/core/id.ts';
import type { ClientEvent, TaskEvent } from '../../../main/node/api.ts';
import { systemClock } from '../../../main/node/clock.ts';
import type { PeerNetwork } from '../../../main/node/peer/network.ts';
import { TaskChannel } from '../../../main/node/worker/task-channel.ts';
import { RemoteLeader, type TaskLeader } from '../../../main/node/worker/task-leader.ts';
import { TaskService } from '../../../main/node/worker/task-service.ts';
import { MemoryAir } from '../../support/memory-peer-network.ts';
import { generation, silentLog, taskId } from '../../support/runner-builders.ts';

const asking = 'node-asking' as NodeId;
const running = 'node-running' as NodeId;
const instanceId = 'chat.g1.p0' as InstanceId;
const id = taskId('task-1');
const usage = { promptTokens: 3, completionTokens: 1 };
const chunk = (text: string): TaskEvent => ({ type: 'Chunk', taskId: id, text, tokens: 1, sampledAtUs: 0 });
const prefill: TaskEvent = { type: 'Prefill', taskId: id, processed: 3, total: 3 };
const stopped: TaskEvent = { type: 'TaskEnded', taskId: id, end: { type: 'Stop' }, usage };

/** A rank 0 whose words a test says itself. */
class ScriptedLeader implements TaskLeader {
  readonly asked: { readonly taskId: TaskId; readonly generation: GenerationRequest }[] = [];
  readonly cancelled: TaskId[] = [];
  say: (event: TaskEvent) => void = () => undefined;

  get runningTasks(): number {
    return this.asked.length;
  }

  generate(task: TaskId, asked: GenerationRequest, sink: (event: TaskEvent) => void): void {
    this.asked.push({ taskId: task, generation: asked });
    this.say = sink;
  }

  cancel(task: TaskId): void {
    this.cancelled.push(task);
    this.say({ type: 'TaskEnded', taskId: task, end: { type: 'Cancelled' }, usage });
  }
}

let air: MemoryAir;
let here: PeerNetwork;
let there: PeerNetwork;
let leader: ScriptedLeader;
let service: TaskService;

beforeEach(async () => {
  air = new MemoryAir({ clock: systemClock });
  here = air.join({ nodeId: asking, sessionId: 'a-1' });
  there = air.join({ nodeId: running, sessionId: 'r-1' });
  leader = new ScriptedLeader();
  service = new TaskService({
    network: there,
    leaderOf: (asked) => (asked === instanceId ? leader : undefined),
    log: silentLog,
  });
  await service.start();
  await Promise.all([here.start(), there.start()]);
  await expect.poll(() => here.peers.length).toBe(1);
});

afterEach(async () => {
  await service.stop();
  await service.stop();
  await Promise.all([here.stop(), there.stop()]);
});

/** A client at one node of an Instance whose rank 0 is on the other. */
function ask(about: { readonly instanceId?: InstanceId; readonly generation?: GenerationRequest } = {}) {
  const remote = new RemoteLeader(
    { network: here },
    { instanceId, nodeId: running, name: 'desk', runningTasks: 0, ...about },
  );
  const channel = new TaskChannel({ taskId: id, cancel: () => remote.cancel(id) });
  const heard: ClientEvent[] = [];
  const ended = (async () => {
    for await (const event of channel) heard.push(event);
  })();
  remote.generate(id, about.generation ?? generation(), (event) => channel.push(event));
  return { channel, heard, ended };
}

const isAsked = (): Promise<unknown> => expect.poll(() => leader.asked.length).toBe(1);

describe('a task of an Instance whose rank 0 is on another node', () => {
  it('is asked there as it is asked here, and its words come in their order up to the last', async () => {
    const { heard, ended } = ask();
    await isAsked();
    expect(leader.asked).toEqual([{ taskId: id, generation: generation() }]);
    for (const event of [prefill, chunk('a'), chunk('b'), stopped]) leader.say(event);
    await ended;
    expect(heard).toEqual([prefill, chunk('a'), chunk('b'), stopped]);
    expect(leader.cancelled).toEqual([]);
  });

  it('is cancelled there when its client cancels, and hears how that ended', async () => {
    const { channel, heard, ended } = ask();
    await isAsked();
    leader.say(chunk('a'));
    await expect.poll(() => heard.length).toBe(1);
    channel.cancel();
    channel.cancel();
    await ended;
    expect(leader.cancelled).toEqual([id]);
    expect(heard.at(-1)).toMatchObject({ type: 'TaskEnded', end: { type: 'Cancelled' } });
  });

  it('is cancelled there too when its client cancels before the stream stands', async () => {
    const { channel, heard, ended } = ask();
    channel.cancel();
    await ended;
    expect(leader.cancelled).toEqual([id]);
    expect(heard).toMatchObject([{ type: 'TaskEnded', end: { type: 'Cancelled' } }]);
  });

  it('ends with the name of the lost node and what happens next, when that node goes while it answers', async () => {
    const { heard, ended } = ask();
    await isAsked();
    leader.say(chunk('a'));
    await expect.poll(() => heard.length).toBe(1);
    air.kill(running);
    await ended;
    const last = heard.at(-1);
    if (last?.type !== 'TaskEnded' || last.end.type !== 'Failed') throw new Error(JSON.stringify(last));
    expect(last.end.message).toContain(`desk (${running})`);
    expect(last.end.message).toContain('Skein starts the model on other nodes');
    expect(last.usage.completionTokens).toBe(1);
  });

  it('is refused as not ready when that node can not be reached, so that another Instance may take it', async () => {
    air.cut(asking, running);
    await expect.poll(() => here.peers.length).toBe(0);
    const { heard, ended } = ask();
    await ended;
    expect(heard).toMatchObject([{ type: 'TaskRefused', code: 'NotReady' }]);
    expect(JSON.stringify(heard)).toContain(`desk (${running})`);
  });

  it('is refused when the Instance has moved', async () => {
    const { heard, ended } = ask({ instanceId: 'gone.g1.p0' as InstanceId });
    await ended;
    expect(heard).toMatchObject([{ type: 'TaskRefused', code: 'NotReady' }]);
  });

  it('is refused as too long when one message does not hold it', async () => {
    const messages = [{ role: 'user' as const, content: 'x'.repeat(2 ** 21) }];
    const { heard, ended } = ask({ generation: generation({ messages }) });
    await ended;
    expect(heard).toMatchObject([{ type: 'TaskRefused', code: 'PromptTooLong' }]);
  });

  it('is cancelled there when the node of its client goes', async () => {
    const { ended } = ask();
    await isAsked();
    air.kill(asking);
    await expect.poll(() => leader.cancelled).toEqual([id]);
    await ended;
  });

  it.each([
    ['what is no word', { type: 'Obey' }],
    ['a second task', { type: 'Generate', taskId: 'task-2', instanceId, generation: generation() }],
  ])('%s on its stream ends it', async (_, word) => {
    const stream = await here.open(running, 'task');
    await stream.send({ type: 'Generate', taskId: id, instanceId, generation: generation() });
    await isAsked();
    await stream.send(word);
    await expect.poll(() => leader.cancelled).toEqual([id]);
    expect(leader.asked).toHaveLength(1);
    await expect(
      (async () => {
        for await (const _message of stream.messages);
      })(),
    ).rejects.toThrow();
  });

  it('that is none of ours in its answers ends for its client', async () => {
    await service.stop();
    there.handle('task', (stream) => void stream.send({ type: 'Hello', protocol: 1, pid: 1 }));
    const { heard, ended } = ask();
    await ended;
    expect(heard).toMatchObject([{ type: 'TaskRefused', code: 'NotReady' }]);
  });
});
