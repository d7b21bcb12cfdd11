import { describe, expect, it } from 'vitest';
import type { ClientEvent, TaskEvent } from '../../../main/node/api.ts';
import { MAX_UNREAD_EVENTS, TaskChannel } from '../../../main/node/worker/task-channel.ts';
import { taskId } from '../../support/runner-builders.ts';

const id = taskId('t');
const chunk = (text: string): TaskEvent => ({ type: 'Chunk', taskId: id, text, tokens: 1, sampledAtUs: 0 });
const ended: TaskEvent = {
  type: 'TaskEnded',
  taskId: id,
  end: { type: 'Stop' },
  usage: { promptTokens: 1, completionTokens: 1 },
};

function open(): { channel: TaskChannel; cancelled: () => number } {
  let cancels = 0;
  return {
    channel: new TaskChannel({ taskId: id, cancel: () => (cancels += 1) }),
    cancelled: () => cancels,
  };
}

async function readAll(channel: TaskChannel): Promise<ClientEvent[]> {
  const events: ClientEvent[] = [];
  for await (const event of channel) events.push(event);
  return events;
}

describe('a task channel', () => {
  it('gives events in order, those before and those after the reader came, and ends after the last', async () => {
    const { channel, cancelled } = open();
    channel.push(chunk('a'));
    const reading = readAll(channel);
    await Promise.resolve();
    channel.push(chunk('b'));
    channel.push(ended);
    channel.push(chunk('too late'));
    await expect(reading).resolves.toEqual([chunk('a'), chunk('b'), ended]);
    expect(cancelled()).toBe(0);
  });

  it('a reader that leaves early cancels the task', async () => {
    const { channel, cancelled } = open();
    channel.push(chunk('a'));
    for await (const event of channel) {
      expect(event).toEqual(chunk('a'));
      break;
    }
    expect(cancelled()).toBe(1);
  });

  it('a reader that does not keep up loses its task, not the node its memory', async () => {
    const { channel, cancelled } = open();
    for (let sent = 0; sent < MAX_UNREAD_EVENTS + 10; sent += 1) channel.push(chunk('x'));
    channel.push({ ...ended, end: { type: 'Cancelled' } });
    const events = await readAll(channel);
    expect(cancelled()).toBeGreaterThan(0);
    expect(events).toHaveLength(MAX_UNREAD_EVENTS + 1);
    expect(events.at(-1)).toMatchObject({
      end: { type: 'Failed', message: expect.stringContaining('unread') as unknown },
    });
  });

  it('a cancel after the end asks nobody', async () => {
    const { channel, cancelled } = open();
    channel.push(ended);
    channel.cancel();
    channel.cancel();
    await readAll(channel);
    expect(cancelled()).toBe(0);
  });
});
