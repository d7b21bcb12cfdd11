import { describe, expect, it } from 'vitest';
import { MetaInstanceId, TaskId } from '../../main/core/id.ts';
import type { ClusterState } from '../../main/core/state.ts';
import {
  advance,
  newProgress,
  pause,
  taskTelemetryOf,
  whyNotResumed,
  type TaskProgress,
} from '../../main/core/task-progress.ts';
import { chat, created, given, joined, bob, placed, runner } from '../support/core-builders.ts';

const taskId = TaskId.parse('task-1');
const prefill = (processed: number, total = 10): Parameters<typeof advance>[1] => {
  return { type: 'Prefill', taskId, processed, total };
};
const chunk = (tokens: number): Parameters<typeof advance>[1] => {
  return { type: 'Chunk', taskId, text: 'x', tokens, sampledAtUs: 0 };
};

/** Each step at its moment in ms; `null` = its runner is lost. */
function after(...steps: readonly (readonly [number, Parameters<typeof advance>[1] | null])[]): TaskProgress {
  return steps.reduce(
    (progress, [now, step]) => (step === null ? pause(progress) : advance(progress, step, now)),
    newProgress(taskId),
  );
}

const about = { metaInstanceId: null, nodeId: bob, startedAt: 7 };
const base = {
  taskId,
  promptTokens: 10,
  processedTokens: 10,
  tokens: 0,
  tokensPerSecond: null,
  paused: false,
};

describe('[T1] how far a task is', () => {
  it.each([
    ['nothing is known yet', after(), { promptTokens: 0, processedTokens: 0 }],
    ['its prompt is being taken in', after([0, prefill(4)]), { processedTokens: 4 }],
    ['the first token: no speed yet', after([0, prefill(4)], [5, chunk(1)]), { tokens: 1 }],
    [
      'tokens since the first one count',
      after([0, prefill(10)], [1_000, chunk(1)], [1_500, chunk(5)]),
      { tokens: 6, tokensPerSecond: 10 },
    ],
    [
      'its runner is lost',
      after([0, prefill(10)], [1_000, chunk(1)], [1_500, chunk(5)], [1_600, null]),
      { tokens: 6, paused: true },
    ],
    [
      'it goes on: the prompt stays what was asked, the speed is of this stretch',
      after(
        [0, prefill(10)],
        [0, chunk(6)],
        [9, null],
        [5_000, prefill(16, 16)],
        [6_000, chunk(1)],
        [6_100, chunk(1)],
      ),
      { tokens: 8, tokensPerSecond: 10 },
    ],
  ])('%s', (_, progress, expected) => {
    expect(taskTelemetryOf(progress, about)).toEqual({ ...base, ...about, ...expected });
  });
});

describe('[T2] an answer whose runner was lost', () => {
  const metaInstanceId = MetaInstanceId.parse(chat);
  const ready = given(joined(bob), created(chat), placed([bob], chat), runner('Ready', { nodeId: bob }));
  const changed = (change: object): ClusterState => ({
    ...ready,
    metaInstances: { [metaInstanceId]: { ...ready.metaInstances[metaInstanceId]!, ...change } },
  });
  const paused = changed({ spec: { ...ready.metaInstances[metaInstanceId]!.spec, paused: true } });

  it.each<[string, ClusterState, readonly number[], string | undefined]>([
    ['goes on', ready, [7], undefined],
    ['goes on before its first token too', ready, [0], undefined],
    ['goes on after each loss that it got beyond', ready, [0, 7, 9, 12], undefined],
    [
      'does not when it is lost twice at the same place: that may be its own doing',
      ready,
      [7, 9, 9],
      'was lost twice at the same place of this answer',
    ],
    ['does not for ever', ready, [1, 2, 3, 4, 5], 'was lost 5 times during this answer'],
    ['does not when its model is paused', paused, [7], 'is PAUSED'],
    ['does not when its model is being deleted', changed({ deleting: true }), [7], 'is DELETING'],
    ['does not when its model is gone', { ...ready, metaInstances: {} }, [7], 'is gone'],
  ])('%s', (_, state, losses, expected) => {
    expect(whyNotResumed(state, { metaInstanceId, losses })).toBe(expected);
  });

  it('does not when nobody starts its model again', () => {
    const why = whyNotResumed(ready, { metaInstanceId: null, losses: [7] });
    expect(why).toBe('was placed by itself and is not started again');
  });
});
