import { expect, test } from 'vitest';
import type { Event } from '../../main/core/event.ts';
import { phaseLabel } from '../../main/core/phase.ts';
import {
  ada,
  bob,
  created,
  deleting,
  download,
  failure,
  gaveUp,
  gaveWay,
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
  settled,
  taskEnded,
  taskStarted,
  theChat,
  updated,
} from '../support/core-builders.ts';

const failedOnce: readonly Event[] = [...onOneNode, runner(failure()), retryScheduled(0)];
const secondTry: readonly Event[] = [...failedOnce, retrying];

const rows: readonly { name: string; given: readonly Event[]; then: string }[] = [
  { name: 'paused', given: [...onOneNode, runner('Ready'), updated({ paused: true })], then: 'PAUSED' },
  { name: 'just created', given: [created()], then: 'PLACING' },
  {
    name: 'no node has reported yet: that is waiting, not failing',
    given: [created(), notPlaced('NotObserved', '')],
    then: 'PLACING',
  },
  { name: 'no place', given: [created(), notPlaced('NotEnoughMemory', 'too big')], then: 'PLACEMENT FAILED' },
  { name: 'placed, no word of its files', given: [joined(ada), created(), placed()], then: 'DOWNLOADING' },
  {
    name: 'its files are fetched',
    given: [joined(ada), created(), placed(), download('Ongoing')],
    then: 'DOWNLOADING',
  },
  {
    name: 'its download failed and waits',
    given: [joined(ada), created(), placed(), download('Failed')],
    then: 'DOWNLOADING',
  },
  {
    name: '[C3] gave way to another while it had failed before: it waits for a place, it is not being retried',
    given: [...secondTry, runner('Ready', { incarnation: 1 }), gaveWay],
    then: 'PLACEMENT FAILED',
  },
  { name: 'files there, no runner', given: onOneNode, then: 'LOADING' },
  { name: 'connecting', given: [...onOneNode, runner('Connecting')], then: 'LOADING' },
  { name: 'loaded', given: [...onOneNode, runner('Loaded')], then: 'LOADING' },
  { name: 'warming up', given: [...onOneNode, runner('WarmingUp')], then: 'WARMING UP' },
  { name: 'ready', given: [...onOneNode, runner('Ready')], then: 'READY' },
  { name: 'ready with a task', given: [...onOneNode, runner('Ready'), taskStarted()], then: 'RUNNING' },
  {
    name: 'its task ended',
    given: [...onOneNode, runner('Ready'), taskStarted(), taskEnded()],
    then: 'READY',
  },
  {
    name: 'another rank still loads',
    given: [...onThreeNodes, runner('Ready'), runner('Loading', { rank: 1 }), runner('Ready', { rank: 2 })],
    then: 'LOADING',
  },
  {
    name: 'a rank failed, nothing decided yet',
    given: [...onOneNode, runner(failure())],
    then: 'RETRYING 1/3',
  },
  { name: 'retry 1 is scheduled', given: failedOnce, then: 'RETRYING 1/3' },
  {
    name: 'retry 1 loads',
    given: [...secondTry, runner('Loading', { incarnation: 1 })],
    then: 'RETRYING 1/3',
  },
  {
    name: 'retry 2 is scheduled',
    given: [...secondTry, runner(failure(), { incarnation: 1 }), retryScheduled(0)],
    then: 'RETRYING 2/3',
  },
  {
    name: 'retry 1 failed, nothing decided yet',
    given: [...secondTry, runner(failure(), { incarnation: 1 })],
    then: 'RETRYING 2/3',
  },
  { name: 'retry 1 is ready', given: [...secondTry, runner('Ready', { incarnation: 1 })], then: 'READY' },
  {
    name: 'retry 1 stayed ready, then failed',
    given: [
      ...secondTry,
      runner('Ready', { incarnation: 1 }),
      settled,
      runner(failure(), { incarnation: 1 }),
    ],
    then: 'RETRYING 1/3',
  },
  { name: 'gave up', given: [...onOneNode, runner(failure()), gaveUp], then: 'FAILED' },
  {
    name: 'a person asked again after giving up',
    given: [...onOneNode, runner(failure()), gaveUp, retried],
    then: 'PLACING',
  },
  { name: 'deleting', given: [...onOneNode, runner('Ready'), deleting], then: 'DELETING' },
  {
    name: 'deleting what gave up',
    given: [...onOneNode, runner(failure()), gaveUp, deleting],
    then: 'DELETING',
  },
  {
    name: 'deleting, its runner still ends',
    given: [...onOneNode, runner('Ready'), deleting, instanceDeleted],
    then: 'DELETING',
  },
  {
    name: 'its node starts anew',
    given: [...onOneNode, runner('Ready'), joined(ada, 'session-2')],
    then: 'DOWNLOADING',
  },
  {
    name: 'another node starts anew',
    given: [...onOneNode, joined(bob), runner('Ready'), joined(bob, 'session-2')],
    then: 'READY',
  },
];

for (const { name, given: events, then } of rows) {
  test(`[C1] ${name} → ${then}`, () => {
    const state = given(...events);
    expect(phaseLabel(state, theChat(state))).toBe(then);
    expect(JSON.stringify(state)).not.toContain('"phase":"' + then);
  });
}
