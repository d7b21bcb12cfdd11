import { expect, test } from 'vitest';
import { apply } from '../../main/core/apply/index.ts';
import type { Command, Refusal } from '../../main/core/command.ts';
import { decide } from '../../main/core/decide.ts';
import type { Event } from '../../main/core/event.ts';
import type { CommandId, ModelId } from '../../main/core/id.ts';
import { emptyState } from '../../main/core/state.ts';
import { card } from '../support/builders.ts';
import {
  cancelling,
  chat,
  command,
  context,
  created,
  deleted,
  deleting,
  download,
  failure,
  gaveUp,
  given,
  instanceDeleted,
  notPlaced,
  onOneNode,
  onThreeNodes,
  retried,
  retryScheduled,
  retrying,
  runner,
  taskEnded,
  taskStarted,
  tiny,
  updated,
} from '../support/core-builders.ts';

const other = card({ modelId: 'Other' as ModelId, shardings: ['Pipeline'] });

const taken: readonly { name: string; given: readonly Event[]; when: Command; then: readonly Event[] }[] = [
  { name: '[K1] a create → created', given: [], when: command.create(), then: [created()] },
  { name: '[K2] a delete → deleting', given: [created()], when: command.remove(), then: [deleting] },
  {
    name: '[K2] a delete of what is being deleted → accepted, nothing new',
    given: [created(), deleting],
    when: command.remove(),
    then: [],
  },
  {
    name: '[K3] a create under a name that is free again → created',
    given: [created(), deleting, deleted],
    when: command.create(),
    then: [created()],
  },
  {
    name: '[L5] a retry of one that gave up → retried',
    given: [...onOneNode, runner(failure()), gaveUp],
    when: command.retry(),
    then: [retried],
  },
  {
    name: '[L5] a retry while one is scheduled → retried',
    given: [...onOneNode, runner(failure()), retryScheduled(0)],
    when: command.retry(),
    then: [retried],
  },
  {
    name: '[L5] a retry while a rank has failed and peers still end → retried',
    given: [...onThreeNodes, runner(failure()), runner('ShuttingDown', { rank: 1 })],
    when: command.retry(),
    then: [retried],
  },
  {
    name: '[L5] a retry while a retry loads → retried, the count starts anew',
    given: [
      ...onOneNode,
      runner(failure()),
      retryScheduled(0),
      retrying,
      runner('Loading', { incarnation: 1 }),
    ],
    when: command.retry(),
    then: [retried],
  },
  {
    name: '[L5] a retry of one without a place → retried',
    given: [created(), notPlaced('NotEnoughMemory', 'too big')],
    when: command.retry(),
    then: [retried],
  },
  {
    name: '[L5] a retry of one whose download failed → retried',
    given: [...onOneNode, download('Failed')],
    when: command.retry(),
    then: [retried],
  },
  {
    name: '[L11] an edit → the whole new spec',
    given: [...onOneNode, updated({ minNodes: 2, contextLength: 64 })],
    when: command.update({ minNodes: 1, contextLength: 32 }),
    then: [updated({ contextLength: 32 })],
  },
  {
    name: '[L11] an edit that takes an optional field away',
    given: [created(chat, { contextLength: 64 })],
    when: command.update({ contextLength: null }),
    then: [updated({})],
  },
  {
    name: '[L11] an edit to another model → its card comes with it',
    given: onOneNode,
    when: command.update({ modelId: other.modelId }, other),
    then: [updated({ modelId: other.modelId }, other)],
  },
  {
    name: '[K2] an edit that changes nothing → accepted, nothing new',
    given: onOneNode,
    when: command.update({ minNodes: 1, contextLength: null, modelId: tiny }),
    then: [],
  },
  {
    name: '[L12] a retry of an update that waits for a place → retried',
    given: [...onOneNode, runner('Ready'), updated({ minNodes: 2 }), notPlaced('NotEnoughNodes', 'has 1')],
    when: command.retry(),
    then: [retried],
  },
  {
    name: '[L16] a cancel of a running task → its node is told',
    given: [...onOneNode, runner('Ready'), taskStarted()],
    when: command.cancel(),
    then: [cancelling],
  },
  {
    name: '[K2] a cancel of a task that is ending → accepted, nothing new',
    given: [...onOneNode, runner('Ready'), taskStarted(), cancelling],
    when: command.cancel(),
    then: [],
  },
  {
    name: '[L10] a pause → the spec says so',
    given: onOneNode,
    when: command.pause(),
    then: [updated({ paused: true })],
  },
  {
    name: '[K2] a pause of what is paused → accepted, nothing new',
    given: [created(), updated({ paused: true })],
    when: command.pause(),
    then: [],
  },
  {
    name: '[L10] a resume → the spec says so',
    given: [created(), updated({ paused: true })],
    when: command.resume(),
    then: [updated({ paused: false })],
  },
  {
    name: '[K2] a resume of what is not paused → accepted, nothing new',
    given: onOneNode,
    when: command.resume(),
    then: [],
  },
];

for (const { name, given: events, when, then } of taken) {
  test(name, () => {
    expect(decide(given(...events), when, context())).toEqual({ ok: true, value: then });
  });
}

const refusedRows: readonly {
  name: string;
  given: readonly Event[];
  when: Command;
  code: Refusal['code'];
  says: RegExp;
}[] = [
  {
    name: '[K3] a create of what exists',
    given: [created()],
    when: command.create(),
    code: 'AlreadyExists',
    says: /chat exists already \(Tiny\); choose another name/,
  },
  {
    name: '[K3] a create of what is being deleted',
    given: [created(), deleting],
    when: command.create(),
    code: 'Deleting',
    says: /gone once its runners have stopped/,
  },
  {
    name: '[K4] a delete of an unknown one',
    given: [],
    when: command.remove(),
    code: 'NotFound',
    says: /no MetaInstance chat/,
  },
  {
    name: '[K4] a retry of an unknown one',
    given: [],
    when: command.retry(),
    code: 'NotFound',
    says: /no MetaInstance chat/,
  },
  {
    name: '[K5] a retry of what is being deleted',
    given: [created(), deleting],
    when: command.retry(),
    code: 'Deleting',
    says: /being deleted/,
  },
  {
    name: '[K5] a retry of what is ready',
    given: [...onOneNode, runner('Ready')],
    when: command.retry(),
    code: 'NothingToRetry',
    says: /chat is READY/,
  },
  {
    name: '[K5] a retry of what loads',
    given: [...onOneNode, runner('Loading')],
    when: command.retry(),
    code: 'NothingToRetry',
    says: /chat is LOADING/,
  },
  {
    name: '[K5] a retry of what was just created',
    given: [created()],
    when: command.retry(),
    code: 'NothingToRetry',
    says: /chat is PLACING/,
  },
  {
    name: '[K5] a retry of what waits for a node to report',
    given: [created(), notPlaced('NotObserved', 'none has reported')],
    when: command.retry(),
    code: 'NothingToRetry',
    says: /chat is PLACING/,
  },
  {
    name: '[K5] a retry of what is paused',
    given: [...onOneNode, runner(failure()), updated({ paused: true })],
    when: command.retry(),
    code: 'Paused',
    says: /chat is paused; resume it first/,
  },
  {
    name: '[K4] a cancel of a task that ended',
    given: [...onOneNode, runner('Ready'), taskStarted(), taskEnded()],
    when: command.cancel(),
    code: 'NotFound',
    says: /no task task-1 is running/,
  },
  {
    name: '[K4] an edit of an unknown one',
    given: [],
    when: command.update({ minNodes: 2 }),
    code: 'NotFound',
    says: /no MetaInstance chat/,
  },
  {
    name: '[K6] an edit of what is being deleted',
    given: [created(), deleting],
    when: command.update({ minNodes: 2 }),
    code: 'Deleting',
    says: /being deleted/,
  },
  {
    name: '[K7] an edit to a sharding that the new model does not allow',
    given: onOneNode,
    when: command.update({ modelId: other.modelId, sharding: 'Tensor' }, other),
    code: 'NotSupported',
    says: /Other can't be sharded as Tensor; it allows Pipeline/,
  },
  {
    name: '[K7] an edit to a model of which nothing is known',
    given: onOneNode,
    when: command.update({ modelId: other.modelId }),
    code: 'NotSupported',
    says: /nothing is known of the model Other/,
  },
  {
    name: '[K4] a pause of an unknown one',
    given: [],
    when: command.pause(),
    code: 'NotFound',
    says: /no MetaInstance chat/,
  },
  {
    name: '[K6] a pause of what is being deleted',
    given: [created(), deleting],
    when: command.pause(),
    code: 'Deleting',
    says: /being deleted/,
  },
];

for (const { name, given: events, when, code, says } of refusedRows) {
  test(`${name} → refused ${code}`, () => {
    const decided = decide(given(...events), when, context());
    expect(decided).toMatchObject({ ok: false, error: { code } });
    if (!decided.ok) expect(decided.error.message).toMatch(says);
  });
}

test('[K1] a command said again after it took effect → accepted, nothing new, whatever happened since', () => {
  const first = apply(emptyState, { index: 1, at: 0, event: created(), commandId: 'create-1' as CommandId });
  expect(decide(first, command.create('create-1'), context())).toEqual({ ok: true, value: [] });
  expect(decide(first, command.create('create-2'), context())).toMatchObject({
    ok: false,
    error: { code: 'AlreadyExists' },
  });
  const gone = [deleting, deleted].reduce(
    (state, event, at) => apply(state, { index: at + 2, at, event }),
    first,
  );
  expect(decide(gone, command.create('create-1'), context())).toEqual({ ok: true, value: [] });
});

test('[K1] a refused command may be said again and then takes effect', () => {
  const refusedAt = given(...onOneNode, runner('Ready'), deleting);
  expect(decide(refusedAt, command.create('create-9'), context()).ok).toBe(false);
  const free = given(...onOneNode, deleting, instanceDeleted, deleted);
  expect(decide(free, command.create('create-9'), context())).toEqual({ ok: true, value: [created(chat)] });
});
