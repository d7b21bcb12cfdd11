import { expect, test } from 'vitest';
import { admit, type Report } from '../../main/core/admit.ts';
import type { Event } from '../../main/core/event.ts';
import {
  ada,
  bob,
  created,
  download,
  failure,
  given,
  instanceDeleted,
  joined,
  onOneNode,
  retryScheduled,
  retrying,
  runner,
  taskEnded,
  taskStarted,
} from '../support/core-builders.ts';

const rows: readonly { name: string; given: readonly Event[]; when: Report; then: boolean }[] = [
  {
    name: '[N2] a download goes on that an Instance wants → admitted',
    given: onOneNode,
    when: download('Ongoing'),
    then: true,
  },
  {
    name: '[N2] an unfinished download that nothing wants any more → dropped',
    given: [...onOneNode, instanceDeleted],
    when: download('Ongoing'),
    then: false,
  },
  {
    name: '[N2] a failed download that nothing wants any more → dropped',
    given: [...onOneNode, instanceDeleted],
    when: download('Failed'),
    then: false,
  },
  {
    name: '[N2] verified files that nothing wants any more → admitted, they are there',
    given: [...onOneNode, instanceDeleted],
    when: download('Completed'),
    then: true,
  },
  {
    name: '[N2] a download on a node that never joined → dropped',
    given: [joined(ada), created()],
    when: download('Completed', bob),
    then: false,
  },
  {
    name: '[N3] a runner goes a step on → admitted',
    given: [...onOneNode, runner('Idle')],
    when: runner('Connecting'),
    then: true,
  },
  {
    name: '[N3] a runner skips steps → admitted, reports between may have been lost',
    given: [...onOneNode, runner('Idle')],
    when: runner('Ready'),
    then: true,
  },
  {
    name: '[N3] another node speaks of a runner by the same id → dropped, it is not its own',
    given: [...onOneNode, runner('Idle')],
    when: { ...runner('Shutdown'), nodeId: bob },
    then: false,
  },
  {
    name: '[N3] the same status said again → dropped',
    given: [...onOneNode, runner('Loading')],
    when: runner('Loading'),
    then: false,
  },
  {
    name: '[N3] a status from before → dropped',
    given: [...onOneNode, runner('Ready')],
    when: runner('Loading'),
    then: false,
  },
  {
    name: '[N3] a failed runner said to be ready, late → dropped, it stays failed',
    given: [...onOneNode, runner(failure())],
    when: runner('Ready'),
    then: false,
  },
  {
    name: '[N3] a failed runner whose process is reaped → dropped, the failure is not lost',
    given: [...onOneNode, runner(failure())],
    when: runner('Shutdown'),
    then: false,
  },
  {
    name: '[N3] a runner fails while it is shut down → admitted',
    given: [...onOneNode, runner('ShuttingDown')],
    when: runner(failure()),
    then: true,
  },
  {
    name: '[N2] a first word of a runner of the present incarnation → admitted',
    given: onOneNode,
    when: runner(failure('no such program', 'Starting')),
    then: true,
  },
  {
    name: '[N2] a first word of a runner on a node that has not this rank → dropped',
    given: [...onOneNode, joined(bob)],
    when: runner('Idle', { nodeId: bob }),
    then: false,
  },
  {
    name: '[N2] a rank the Instance does not have → dropped',
    given: onOneNode,
    when: runner('Idle', { rank: 1 }),
    then: false,
  },
  {
    name: '[N2] a runner of an earlier incarnation, gone from the state → dropped',
    given: [...onOneNode, runner(failure()), retryScheduled(0), retrying],
    when: runner(failure()),
    then: false,
  },
  {
    name: '[N2] the end of a runner whose Instance is gone → admitted, it is still shown',
    given: [...onOneNode, runner('Ready'), instanceDeleted],
    when: runner('Shutdown'),
    then: true,
  },
  {
    name: '[N2] a first word of a runner whose Instance is gone → dropped',
    given: [...onOneNode, instanceDeleted],
    when: runner('Idle'),
    then: false,
  },
  {
    name: '[N2] the end of a runner nobody heard of → dropped',
    given: onOneNode,
    when: runner('Shutdown'),
    then: false,
  },
  {
    name: '[N2] a new session of a node → admitted',
    given: onOneNode,
    when: joined(ada, 'session-2'),
    then: true,
  },
  {
    name: '[N2] the session that is known says again that it started → dropped, its runners would be forgotten',
    given: onOneNode,
    when: joined(ada),
    then: false,
  },
  {
    name: '[N2] a task starts on a living Instance → admitted',
    given: onOneNode,
    when: taskStarted(),
    then: true,
  },
  {
    name: '[N2] a task starts twice → dropped',
    given: [...onOneNode, taskStarted()],
    when: taskStarted(),
    then: false,
  },
  {
    name: '[N2] a task starts on a deleted Instance → dropped',
    given: [...onOneNode, instanceDeleted],
    when: taskStarted(),
    then: false,
  },
  {
    name: '[N2] a task ends → admitted',
    given: [...onOneNode, taskStarted()],
    when: taskEnded(),
    then: true,
  },
  {
    name: '[N2] a task ends twice → dropped',
    given: [...onOneNode, taskStarted(), taskEnded()],
    when: taskEnded(),
    then: false,
  },
];

for (const { name, given: events, when, then } of rows) {
  test(name, () => {
    expect(admit(given(...events), when)).toBe(then);
  });
}
