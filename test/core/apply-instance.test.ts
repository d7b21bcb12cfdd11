import { expect, test } from 'vitest';
import type { MetaInstanceId } from '../../main/core/id.ts';
import {
  ada,
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
  tiny,
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
