import { beforeEach, describe, expect, it } from 'vitest';
import type { GenerationRequest } from '../../../main/core/contract/runner.ts';
import { MetaInstanceId, TaskId } from '../../../main/core/id.ts';
import type { ClusterState } from '../../../main/core/state.ts';
import type { ClientEvent, TaskEvent } from '../../../main/node/api.ts';
import { RESUME_MS, TaskRun, type Candidate } from '../../../main/node/worker/task-run.ts';
import {
  after,
  bob,
  chat,
  chatInstance,
  created,
  given,
  joined,
  placed,
  runner,
} from '../../support/core-builders.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';
import { generation } from '../../support/runner-builders.ts';

const taskId = TaskId.parse('task-1');
const ready = given(joined(bob), created(chat), placed([bob], chat), runner('Ready', { nodeId: bob }));
const lost: TaskEvent = {
  type: 'TaskEnded',
  taskId,
  end: { type: 'Failed', message: 'The runner on bob crashed.' },
  usage: { promptTokens: 3, completionTokens: 0 },
};
const stopped = (completionTokens: number): TaskEvent => {
  return { type: 'TaskEnded', taskId, end: { type: 'Stop' }, usage: { promptTokens: 9, completionTokens } };
};
const refusal = (code: 'NotReady' | 'PromptTooLong'): TaskEvent => {
  return { type: 'TaskRefused', taskId, code, message: 'not now' };
};
const prefill: TaskEvent = { type: 'Prefill', taskId, processed: 0, total: 3 };
const chunk = (text: string, ...ids: number[]): TaskEvent => {
  return { type: 'Chunk', taskId, text, tokens: ids.length, sampledAtUs: 0, ids };
};

let clock: FakeClock;
let state: ClusterState;
let available: boolean;
/** What each stretch says at once; the one after the last says nothing. */
let stretches: TaskEvent[][];
let asked: { readonly id: TaskId; readonly resumable: GenerationRequest['resumable'] }[];
let cancelled: TaskId[];
let reported: string[];
let ended: number;

const candidate: Candidate = {
  instance: ready.instances[chatInstance]!,
  leader: {
    runningTasks: 0,
    generate(id, { resumable }, sink) {
      asked.push({ id, resumable });
      for (const event of stretches.shift() ?? []) sink(event);
    },
    cancel: (id) => cancelled.push(id),
  },
};

beforeEach(() => {
  clock = new FakeClock();
  state = ready;
  available = true;
  [stretches, asked, cancelled, reported, ended] = [[], [], [], [], 0];
});

function begin(
  resume: boolean,
  ...says: TaskEvent[][]
): { readonly run: TaskRun; readonly heard: ClientEvent[] } {
  stretches = says;
  const run = new TaskRun(
    { clock },
    {
      taskId,
      nodeId: bob,
      generation: generation(),
      resume,
      state: () => state,
      report: ({ type }) => reported.push(type),
      successorOf: () => (available ? candidate : undefined),
      onEnd: () => (ended += 1),
    },
  );
  const heard: ClientEvent[] = [];
  void (async () => {
    for await (const event of run.channel) heard.push(event);
  })();
  void run.start(candidate);
  return { run, heard };
}

const paused: ClientEvent = {
  type: 'TaskPaused',
  taskId,
  message: 'The runner on bob crashed. Skein goes on with this answer once the model is ready again.',
};
const failed = (more: string): unknown => ({
  type: 'TaskEnded',
  taskId,
  end: { type: 'Failed', message: `The runner on bob crashed. ${more}` },
  usage: expect.anything() as unknown,
});

describe('a task whose runner is lost', () => {
  it('ends, where nobody asked to resume it, and its runner is told nothing of that', async () => {
    const { heard } = begin(false, [prefill, lost]);
    await settle();
    expect(heard).toEqual([prefill, lost]);
    expect(asked).toEqual([{ id: taskId, resumable: undefined }]);
    expect([reported, ended]).toEqual([['TaskStarted', 'TaskEnded'], 1]);
  });

  it('[T2] pauses and goes on with its tokens, under another name at the runner and the same one elsewhere', async () => {
    const { heard, run } = begin(
      true,
      [prefill, chunk('Hel', 7, 8), lost],
      [prefill, chunk('lo', 9), stopped(3)],
    );
    await settle();
    expect(heard.at(-1)).toEqual(paused);
    expect([run.telemetry.paused, run.instance]).toEqual([true, undefined]);
    await clock.advance(300);
    expect(asked).toEqual([
      { id: 'task-1', resumable: { tokens: [], said: 0 } },
      { id: 'task-1~1', resumable: { tokens: [7, 8], said: 3 } },
    ]);
    const usage = { promptTokens: 3, completionTokens: 3 };
    expect(heard.slice(2)).toEqual([paused, prefill, chunk('lo', 9), { ...stopped(3), usage }]);
    expect([reported, ended]).toEqual([['TaskStarted', 'TaskStarted', 'TaskEnded'], 1]);
    expect(clock.waiting).toBe(0);
  });

  it('[T2] waits for a model that is away, and for one that is not ready or full', async () => {
    const { heard } = begin(
      true,
      [prefill, chunk('a', 1), lost],
      [refusal('NotReady')],
      [prefill, stopped(1)],
    );
    available = false;
    await clock.advance(60_000);
    expect(heard.at(-1)).toEqual(paused);
    available = true;
    await clock.advance(600);
    expect(heard.at(-1)).toMatchObject({ type: 'TaskEnded', end: { type: 'Stop' } });
    expect(ended).toBe(1);
  });

  it.each<[string, () => unknown, TaskEvent[][], string]>([
    [
      'when it does not come back in time',
      () => (available = false),
      [],
      'It did not go on within 2 minutes.',
    ],
    [
      'when it is paused meanwhile',
      () =>
        (state = after(ready, { type: 'MetaInstanceDeleting', metaInstanceId: MetaInstanceId.parse(chat) })),
      [],
      'It does not go on: its model is DELETING.',
    ],
    [
      'when it is refused for good',
      () => undefined,
      [[refusal('PromptTooLong')]],
      'It could not go on: not now',
    ],
    [
      'when it is lost twice at the same place',
      () => undefined,
      [[prefill, lost]],
      'It does not go on: its model was lost twice at the same place of this answer.',
    ],
  ])('[T2] ends with both reasons %s', async (_, happens, more, message) => {
    const { heard } = begin(true, [prefill, chunk('a', 1), lost], ...more);
    happens();
    await clock.advance(RESUME_MS + 1_000);
    expect(heard.at(-1)).toEqual(failed(message));
    expect([ended, clock.waiting]).toEqual([1, 0]);
  });

  it('ends as cancelled when its client leaves while it waits', async () => {
    const { heard, run } = begin(true, [prefill, chunk('a', 1), lost]);
    available = false;
    await clock.advance(1_000);
    run.channel.cancel();
    await settle();
    expect(heard.at(-1)).toMatchObject({ end: { type: 'Cancelled' }, usage: { completionTokens: 1 } });
    expect([ended, clock.waiting]).toEqual([1, 0]);
  });

  it('is cancelled where it goes on', async () => {
    const { run } = begin(true, [prefill, chunk('a', 1), lost], [prefill]);
    await clock.advance(300);
    run.channel.cancel();
    expect(cancelled).toEqual(['task-1~1']);
  });
});
