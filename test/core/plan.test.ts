import { expect, test } from 'vitest';
import type { Event } from '../../main/core/event.ts';
import type { MetaInstanceId, ModelId, NodeId, RunnerId } from '../../main/core/id.ts';
import { plan, type LocalView } from '../../main/core/worker/plan.ts';
import { card } from '../support/builders.ts';
import {
  ada,
  bob,
  chatInstance,
  created,
  cyd,
  deleting,
  download,
  failure,
  gaveUp,
  given,
  instanceDeleted,
  joined,
  onOneNode,
  onThreeNodes,
  placed,
  retryScheduled,
  retrying,
  runner,
  runnerId,
  tiny,
} from '../support/core-builders.ts';
import { holding, type Step } from '../support/plan-builders.ts';

const other = 'other' as MetaInstanceId;
const otherModel = 'Other' as ModelId;

const fetching: readonly Event[] = [joined(ada), created(), placed()];
const r0 = runnerId(0);
/** The three ranks as the log knows them. */
const ranks = (...steps: readonly (Step | undefined)[]): Event[] =>
  steps.flatMap((step, rank) => (step === undefined ? [] : [runner(step, { rank })]));

const start = (state: readonly Event[], rank: number): unknown => {
  const instance = given(...state).instances[chatInstance]!;
  const assignment = instance.assignments[rank]!;
  return { type: 'StartRunner', runnerId: runnerId(rank, instance.incarnation), instance, assignment };
};
const stop = (id: RunnerId, reason: string): unknown => ({ type: 'ShutDownRunner', runnerId: id, reason });
const park = (id: RunnerId, reason: string): unknown => ({ type: 'ParkRunner', runnerId: id, reason });
const secondTry: readonly Event[] = [...onOneNode, runner(failure()), retryScheduled(0), retrying];

const rows: readonly {
  name: string;
  given: readonly Event[];
  node?: NodeId;
  local?: LocalView;
  then: unknown;
}[] = [
  { name: '[W1] nothing is wanted → nothing', given: [joined(ada)], then: undefined },
  {
    name: '[W1] a model on another node → nothing here',
    given: [...onOneNode, joined(bob)],
    node: bob,
    then: undefined,
  },
  {
    name: '[W1] ready → nothing to do',
    given: [...onOneNode, runner('Ready')],
    local: holding({ [r0]: 'Ready' }),
    then: undefined,
  },

  {
    name: '[W2] the Instance is gone → shut down',
    given: [...onOneNode, runner('Ready'), instanceDeleted],
    local: holding({ [r0]: 'Ready' }),
    then: stop(r0, 'MetaInstance chat was deleted'),
  },
  {
    name: '[W2] the MetaInstance is being deleted → shut down, for that reason',
    given: [...onOneNode, runner('Loading'), deleting],
    local: holding({ [r0]: 'Loading' }),
    then: stop(r0, 'the model was deleted'),
  },
  {
    name: '[W2] Skein gave up, a runner came up late → shut down, and not because it was deleted',
    given: [...onOneNode, runner(failure()), gaveUp],
    local: holding({ [r0]: undefined }),
    then: stop(r0, 'the model failed too often'),
  },
  {
    name: '[W2] a later incarnation → shut down',
    given: secondTry,
    local: holding({ [r0]: 'Ready' }),
    then: stop(r0, 'the Instance starts over'),
  },
  {
    name: '[W2] still being spawned → shut down all the same',
    given: [...onOneNode, deleting],
    local: holding({ [r0]: undefined }),
    then: stop(r0, 'the model was deleted'),
  },
  {
    name: '[W2] shutting down already → not again',
    given: [...onOneNode, deleting],
    local: holding({ [r0]: 'ShuttingDown' }),
    then: undefined,
  },
  {
    name: '[W2] ended already → nothing to shut down',
    given: [...onOneNode, deleting],
    local: holding({ [r0]: failure() }),
    then: undefined,
  },

  {
    name: '[W3] a peer failed → this shard ends, keeps its weights if it can, and says which',
    given: [...onThreeNodes, ...ranks('Loading', undefined, 'Loaded'), runner(failure(), { rank: 1 })],
    local: holding({ [r0]: 'Loading' }),
    then: park(r0, 'rank 1 on bob failed'),
  },
  {
    name: '[W3] a peer failed, this shard ends already → nothing',
    given: [...onThreeNodes, runner(failure(), { rank: 1 })],
    local: holding({ [r0]: 'ShuttingDown' }),
    then: undefined,
  },
  {
    name: '[W3] this shard failed itself → nothing more to end',
    given: [...onThreeNodes, runner(failure())],
    local: holding({ [r0]: failure() }),
    then: undefined,
  },

  {
    name: '[W4] the model is wanted no more → its download ends',
    given: [...fetching, instanceDeleted],
    local: holding({}, { [tiny]: 'Running' }),
    then: { type: 'CancelDownload', modelId: tiny },
  },
  {
    name: '[W4] the model is wanted no more, its next try waits → that ends too',
    given: [...fetching, deleting],
    local: holding({}, { [tiny]: 'Waiting' }),
    then: { type: 'CancelDownload', modelId: tiny },
  },
  {
    name: '[W4] another Instance here wants it → goes on',
    given: [...fetching, created(other), placed([ada], other), instanceDeleted],
    local: holding({}, { [tiny]: 'Running' }),
    then: undefined,
  },

  {
    name: '[W5] files are missing → fetched first, no runner',
    given: fetching,
    then: { type: 'StartDownload', card: card() },
  },
  {
    name: '[W5] files are being fetched → wait',
    given: [...fetching, download('Ongoing')],
    local: holding({}, { [tiny]: 'Running' }),
    then: undefined,
  },
  {
    name: '[W5] the next try waits for its time → wait',
    given: [...fetching, download('Failed')],
    local: holding({}, { [tiny]: 'Waiting' }),
    then: undefined,
  },
  {
    name: '[W5] the log says ongoing, nothing is under way here → fetched',
    given: [...fetching, download('Ongoing')],
    then: { type: 'StartDownload', card: card() },
  },
  {
    name: '[W5] only another node has verified files → fetched here too',
    given: [joined(ada), joined(bob), created(), placed(), download('Completed', bob)],
    then: { type: 'StartDownload', card: card() },
  },
  {
    name: '[W5] one model of two is fetched → the other starts meanwhile',
    given: [
      ...onOneNode,
      created(other, {}, card({ modelId: otherModel })),
      placed([ada], other, { card: card({ modelId: otherModel }) }),
    ],
    local: holding({}, { [otherModel]: 'Running' }),
    then: start(onOneNode, 0),
  },

  { name: '[W6] files are there → the runner starts', given: onOneNode, then: start(onOneNode, 0) },
  {
    name: '[W6] it is being spawned → not twice',
    given: onOneNode,
    local: holding({ [r0]: undefined }),
    then: undefined,
  },
  {
    name: '[W6] the log knows it, its process is gone, its end not yet told → not twice',
    given: [...onOneNode, runner('Ready')],
    then: undefined,
  },
  {
    name: '[W6] it failed here, its end is not on the log yet → not again',
    given: [...onOneNode, runner('Loading')],
    local: holding({ [r0]: failure() }),
    then: undefined,
  },
  {
    name: '[W6] it failed → the master decides, not the worker',
    given: [...onOneNode, runner(failure())],
    then: undefined,
  },
  {
    name: '[W6] a retry waits for its time → wait',
    given: [
      ...onOneNode,
      runner(failure()),
      retryScheduled(9),
      joined(ada, 'session-2'),
      download('Completed'),
    ],
    then: undefined,
  },
  {
    name: '[W6] the retry has begun → the next incarnation starts',
    given: secondTry,
    then: start(secondTry, 0),
  },
  {
    name: '[W6] the old incarnation ends still → the next one waits, or both would hold the weights',
    given: secondTry,
    local: holding({ [r0]: 'ShuttingDown' }),
    then: undefined,
  },
  {
    name: '[W6] a peer failed before this shard started → it does not start',
    given: [...onThreeNodes, runner(failure(), { rank: 1 })],
    then: undefined,
  },
  {
    name: '[W6] peers have not started → this shard starts',
    given: onThreeNodes,
    node: cyd,
    then: start(onThreeNodes, 2),
  },

  {
    name: '[W1] what is not wanted ends before anything new starts',
    given: [
      ...secondTry,
      created(other, {}, card({ modelId: otherModel })),
      placed([ada], other, { card: card({ modelId: otherModel }) }),
    ],
    local: holding({ [r0]: 'Ready' }),
    then: stop(r0, 'the Instance starts over'),
  },
];

for (const { name, given: events, node = ada, local = holding(), then } of rows) {
  test(name, () => {
    expect(plan(given(...events), node, local)).toEqual(then);
  });
}
