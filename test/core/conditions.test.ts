import { expect, test } from 'vitest';
import type { Event } from '../../main/core/event.ts';
import type { ConditionType } from '../../main/core/meta-instance.ts';
import {
  ada,
  bob,
  created,
  cyd,
  download,
  failure,
  gaveUp,
  given,
  instanceDeleted,
  joined,
  notPlaced,
  onOneNode,
  onThreeNodes,
  placed,
  retried,
  retryScheduled,
  retrying,
  runner,
  startAt,
  theChat,
} from '../support/core-builders.ts';

const onThree: readonly Event[] = [
  ...[ada, bob, cyd].map((id) => joined(id)),
  created(),
  placed([ada, bob, cyd]),
];
const fetched = (nodeId: typeof ada): Event => download('Completed', nodeId);
const secondTry: readonly Event[] = [...onOneNode, runner(failure()), retryScheduled(0), retrying];

const rows: readonly {
  name: string;
  given: readonly Event[];
  of: ConditionType;
  then: { readonly status: string; readonly reason: string; readonly message: string };
}[] = [
  {
    name: '[C3] created → not placed',
    given: [created()],
    of: 'Placed',
    then: { status: 'False', reason: 'NotPlaced', message: 'no Instance yet' },
  },
  {
    name: '[C3] no place → the reason and the text of the refusal',
    given: [created(), notPlaced('NotEnoughMemory', 'too big')],
    of: 'Placed',
    then: { status: 'False', reason: 'NotEnoughMemory', message: 'too big' },
  },
  {
    name: '[C3] placed → on which nodes, by their names',
    given: onThree,
    of: 'Placed',
    then: { status: 'True', reason: 'InstanceCreated', message: 'placed on ada, bob, cyd' },
  },
  {
    name: '[C3] gave up → no longer placed, and why',
    given: [...onOneNode, runner(failure()), gaveUp],
    of: 'Placed',
    then: { status: 'False', reason: 'NotPlaced', message: 'ada: boom' },
  },
  {
    name: '[C3] not placed → nothing to say of files',
    given: [created()],
    of: 'Downloaded',
    then: { status: 'Unknown', reason: 'NotPlaced', message: 'no Instance yet' },
  },
  {
    name: '[C3] some nodes lack files → which',
    given: [...onThree, fetched(bob)],
    of: 'Downloaded',
    then: { status: 'False', reason: 'Downloading', message: 'ada, cyd: fetching or verifying files' },
  },
  {
    name: '[C3] a download failed → which node and why',
    given: [...onThree, fetched(bob), download('Failed', cyd)],
    of: 'Downloaded',
    then: { status: 'False', reason: 'DownloadFailed', message: 'cyd: connection reset' },
  },
  {
    name: '[C3] all nodes have files → verified',
    given: onThreeNodes,
    of: 'Downloaded',
    then: { status: 'True', reason: 'FilesVerified', message: 'all nodes hold the verified files' },
  },
  {
    name: '[C4] no runner yet → starting',
    given: onOneNode,
    of: 'Ready',
    then: { status: 'False', reason: 'Starting', message: 'ada: Starting' },
  },
  {
    name: '[C4] ranks at different steps → the least advanced one, and where',
    given: [
      ...onThreeNodes,
      runner('Ready'),
      runner('Loading', { rank: 1 }),
      runner('WarmingUp', { rank: 2 }),
    ],
    of: 'Ready',
    then: { status: 'False', reason: 'Loading', message: 'bob: Loading' },
  },
  {
    name: '[C4] two ranks at the least advanced step → both nodes',
    given: [...onThreeNodes, runner('Loading'), runner('Ready', { rank: 1 }), runner('Loaded', { rank: 2 })],
    of: 'Ready',
    then: { status: 'False', reason: 'Loading', message: 'ada, cyd: Loading' },
  },
  {
    name: '[C4] a rank failed → its error',
    given: [...onThreeNodes, runner('Ready'), runner(failure('out of memory'), { rank: 1 })],
    of: 'Ready',
    then: { status: 'False', reason: 'RunnerFailed', message: 'bob: out of memory' },
  },
  {
    name: '[C4] all ranks ready → ready',
    given: [...onThreeNodes, ...[0, 1, 2].map((rank) => runner('Ready', { rank }))],
    of: 'Ready',
    then: { status: 'True', reason: 'AllRanksReady', message: 'all ranks are ready' },
  },
  {
    name: '[C3] its Instance went → not ready',
    given: [...onOneNode, runner('Ready'), instanceDeleted],
    of: 'Ready',
    then: { status: 'False', reason: 'NotPlaced', message: 'no Instance yet' },
  },
  {
    name: '[C3] nothing failed → no retry',
    given: onOneNode,
    of: 'Retrying',
    then: { status: 'False', reason: 'NoRetry', message: 'no retry is under way' },
  },
  {
    name: '[C3] a retry is scheduled → which, after what',
    given: [...onOneNode, runner(failure()), retryScheduled(9)],
    of: 'Retrying',
    then: { status: 'True', reason: 'RetryScheduled', message: 'retry 1 of 3 after: ada: boom' },
  },
  {
    name: '[C3] a retry loads → which, after what',
    given: [...secondTry, runner('Loading', { incarnation: 1 })],
    of: 'Retrying',
    then: { status: 'True', reason: 'RetryRunning', message: 'retry 1 of 3 after: ada: boom' },
  },
  {
    name: '[C3] a retry is ready → over',
    given: [...secondTry, runner('Ready', { incarnation: 1 })],
    of: 'Retrying',
    then: { status: 'False', reason: 'NoRetry', message: 'no retry is under way' },
  },
  {
    name: '[C3] gave up → failed, with the last failure',
    given: [...onOneNode, runner(failure()), gaveUp],
    of: 'Failed',
    then: { status: 'True', reason: 'RetriesExhausted', message: 'ada: boom' },
  },
  {
    name: '[C3] a person asked again → failed no more',
    given: [...onOneNode, runner(failure()), gaveUp, retried],
    of: 'Failed',
    then: { status: 'False', reason: 'Retried', message: 'a person asked for another try' },
  },
];

for (const { name, given: events, of, then } of rows) {
  test(name, () => {
    expect(theChat(given(...events)).status.conditions[of]).toMatchObject(then);
  });
}

const at = (events: readonly Event[]): number => startAt + (events.length - 1) * 1_000;

test('[C2] the reason moves, the status stays → since stays', () => {
  const connecting = [...onOneNode, runner('Connecting')];
  const { Ready } = theChat(given(...connecting, runner('Loading'), runner('WarmingUp'))).status.conditions;
  expect(Ready).toMatchObject({ status: 'False', reason: 'WarmingUp', since: at(onOneNode.slice(0, 2)) });
});

test('[C2] the status moves → since moves, both ways', () => {
  const ready = [...onOneNode, runner('Ready')];
  expect(theChat(given(...ready)).status.conditions.Ready?.since).toBe(at(ready));
  const failed = [...ready, runner(failure('', 'Serving'))];
  expect(theChat(given(...failed)).status.conditions.Ready?.since).toBe(at(failed));
});

test('[C2] an event about another node or MetaInstance → no condition moves', () => {
  const before = theChat(given(...onOneNode, runner('Ready')));
  expect(theChat(given(...onOneNode, runner('Ready'), joined(bob), download('Completed', bob)))).toEqual(
    before,
  );
});
