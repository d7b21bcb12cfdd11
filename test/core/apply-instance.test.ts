import { expect, test } from 'vitest';
import { instanceIdFor, type MetaInstanceId } from '../../main/core/id.ts';
import {
  ada,
  bob,
  chat,
  created,
  download,
  given,
  instanceDeleted,
  failure,
  joined,
  onOneNode,
  retryScheduled,
  retrying,
  runner,
  taskStarted,
  placed,
  theChat,
  tiny,
  updated,
} from '../support/core-builders.ts';

const other = 'other' as MetaInstanceId;

test('[L8] an Instance goes while files are fetched → the unfinished download goes with it', () => {
  const state = given(joined(ada), created(), placed(), download('Ongoing'), instanceDeleted);
  expect(state.downloads[ada]).toEqual({});
});

test('[L8] an Instance goes → verified files stay known', () => {
  const state = given(joined(ada), created(), placed(), download('Completed'), instanceDeleted);
  expect(state.downloads[ada]).toEqual({ [tiny]: { type: 'Completed', bytes: 1_000_000 } });
});

test('[L8] an Instance goes, another on the node wants the same model → its download stays', () => {
  const state = given(
    joined(ada),
    created(),
    created(other),
    placed(),
    placed([ada], other),
    download('Failed'),
    instanceDeleted,
  );
  expect(state.downloads[ada]?.[tiny]?.type).toBe('Failed');
});

test('[L8] an Instance goes while it answers → its tasks go with it', () => {
  expect(given(...onOneNode, runner('Ready'), taskStarted(), instanceDeleted).tasks).toEqual({});
});

test('[L4] an Instance starts over in place → the tasks of the dead attempt are gone', () => {
  const state = given(...onOneNode, taskStarted(), runner(failure()), retryScheduled(0), retrying);
  expect(state.tasks).toEqual({});
});

test.each([
  ['NodeLost', 1],
  ['RetriesExhausted', 0],
] as const)(
  '[L13] a replacement goes for %s while the earlier one is there → failures counted: %i',
  (reason, failures) => {
    const instanceId = instanceIdFor(chat, 2, 1);
    const replacement = placed([bob], chat, { generation: 2, instanceId });
    const state = given(
      joined(ada),
      joined(bob),
      created(),
      placed(),
      updated({ contextLength: 512 }),
      replacement,
      { type: 'InstanceRetrying', instanceId },
      { type: 'InstanceDeleted', instanceId, reason, message: 'bob: boom' },
    );
    expect(theChat(state).status.consecutiveFailures).toBe(failures);
  },
);
