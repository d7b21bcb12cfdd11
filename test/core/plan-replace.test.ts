import { expect, test } from 'vitest';
import type { Event } from '../../main/core/event.ts';
import { instanceIdFor } from '../../main/core/id.ts';
import { plan, type LocalView } from '../../main/core/worker/plan.ts';
import {
  ada,
  chat,
  chatInstance,
  download,
  given,
  instanceDeleted,
  joined,
  onOneNode,
  placed,
  retryScheduled,
  runner,
  runnerId,
  updated,
} from '../support/core-builders.ts';

const r0 = runnerId(0);
const holds = (type: 'Ready' | 'ShuttingDown'): LocalView => ({
  runners: { [r0]: { instanceId: chatInstance, status: { type } } },
  downloads: {},
});
const stop = (reason: string): unknown => ({ type: 'ShutDownRunner', runnerId: r0, reason });

const second = instanceIdFor(chat, 2, 3);
const successor = placed([ada], chat, { instanceId: second, generation: 2, startsAfter: [chatInstance] });
const replaced = { ...instanceDeleted, reason: 'Replaced', message: `${second} takes its place` } as Event;
/** Its files are here, and the runner of the earlier Instance still ends. */
const tookOver: readonly Event[] = [...onOneNode, runner('ShuttingDown'), replaced, successor];

const rows: readonly { name: string; given: readonly Event[]; local?: LocalView; then: unknown }[] = [
  {
    name: '[W10] the Instance whose memory it takes has a runner here → it waits for its end',
    given: tookOver,
    local: holds('ShuttingDown'),
    then: undefined,
  },
  {
    name: '[W10] … also while only the log knows of it',
    given: tookOver,
    then: undefined,
  },
  {
    name: '[W10] that runner has ended → it starts',
    given: [...tookOver, runner('Shutdown')],
    then: {
      type: 'StartRunner',
      runnerId: runnerId(0, 0, second),
      instance: successor.instance,
      assignment: successor.instance.assignments[0],
    },
  },
  {
    name: '[W2, L11] replaced → shut down, for that reason',
    given: [...onOneNode, runner('Ready'), successor, replaced],
    local: holds('Ready'),
    then: stop('an edited version took its place'),
  },
  {
    name: '[W2, L10] paused → shut down, for that reason',
    given: [
      ...onOneNode,
      runner('Ready'),
      updated({ paused: true }),
      { ...instanceDeleted, reason: 'Paused' } as Event,
    ],
    local: holds('Ready'),
    then: stop('the model was paused'),
  },
  {
    name: '[L13, W6] a retry of the replacement is scheduled → the earlier one starts over all the same',
    given: [
      ...onOneNode,
      successor,
      { ...retryScheduled(0), instanceId: second } as Event,
      joined(ada, 'session-2'),
      download('Completed'),
    ],
    then: {
      type: 'StartRunner',
      runnerId: runnerId(0, 1),
      instance: { ...placed().instance, incarnation: 1 },
      assignment: placed().instance.assignments[0],
    },
  },
];

for (const { name, given: events, local = { runners: {}, downloads: {} }, then } of rows) {
  test(name, () => {
    expect(plan(given(...events), ada, local)).toEqual(then);
  });
}
