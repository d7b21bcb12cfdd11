import { expect, test } from 'vitest';
import { apply } from '../../main/core/apply/index.ts';
import type { Event, IndexedEvent } from '../../main/core/event.ts';
import type { CommandId, InstanceId, MetaInstanceId } from '../../main/core/id.ts';
import { ClusterState, emptyState, REMEMBERED_COMMANDS } from '../../main/core/state.ts';
import { SECOND } from '../../main/core/unit.ts';
import {
  ada,
  after,
  bob,
  created,
  deleted,
  deleting,
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
  settled,
  taskEnded,
  taskStarted,
} from '../support/core-builders.ts';

const unknown = { metaInstanceId: 'nobody' as MetaInstanceId, instanceId: 'nobody.g1.p1' as InstanceId };

const impossible: readonly { name: string; given: readonly Event[]; when: Event; then: RegExp }[] = [
  { name: 'a create of what exists', given: [created()], when: created(), then: /chat, which exists/ },
  {
    name: 'a retry of an unknown MetaInstance',
    given: [],
    when: retried,
    then: /chat, which does not exist/,
  },
  {
    name: 'a delete of an unknown MetaInstance',
    given: [],
    when: deleting,
    then: /chat, which does not exist/,
  },
  {
    name: 'the end of an unknown MetaInstance',
    given: [],
    when: deleted,
    then: /chat, which does not exist/,
  },
  {
    name: 'no place for an unknown MetaInstance',
    given: [],
    when: notPlaced('NoNodes', ''),
    then: /does not exist/,
  },
  {
    name: 'an Instance of an unknown MetaInstance',
    given: [],
    when: placed(),
    then: /chat, which does not exist/,
  },
  { name: 'a second Instance of a MetaInstance [L7]', given: onOneNode, when: placed(), then: /beside/ },
  {
    name: 'a retry of an unknown Instance',
    given: [created()],
    when: retrying,
    then: /chat.g1.p0, which does not/,
  },
  {
    name: 'a planned retry of an unknown Instance',
    given: [created()],
    when: retryScheduled(0),
    then: /does not exist/,
  },
  { name: 'an unknown Instance that settled', given: [created()], when: settled, then: /does not exist/ },
  {
    name: 'the end of an unknown Instance',
    given: [created()],
    when: instanceDeleted,
    then: /does not exist/,
  },
  {
    name: 'a MetaInstance ends before its Instance [L8]',
    given: onOneNode,
    when: deleted,
    then: /still has an Instance/,
  },
  {
    name: 'a MetaInstance ends before its runner [L8]',
    given: [...onOneNode, runner('Ready'), deleting, instanceDeleted],
    when: deleted,
    then: /still has an Instance or a runner/,
  },
  {
    name: 'a runner of an unknown Instance',
    given: [joined(ada)],
    when: runner('Idle', unknown),
    then: /runner nobody.g1.p1.i0.r0 of Instance nobody.g1.p1, which does not exist/,
  },
  {
    name: 'a task of an unknown Instance',
    given: [joined(ada)],
    when: taskStarted('t', unknown.instanceId),
    then: /does not exist/,
  },
  {
    name: 'files on an unknown node',
    given: [joined(ada)],
    when: download('Completed', bob),
    then: /node node-bob, which never joined/,
  },
];

for (const { name, given: before, when, then } of impossible) {
  test(`[S2] ${name} → a bug or a damaged log, apply throws`, () => {
    const state = given(...before);
    expect(() => after(state, when)).toThrow(then);
  });
}

test.each([0, 2, 5])('[S2] index %i does not follow 0 → apply throws', (index) => {
  expect(() => apply(emptyState, { index, at: 0, event: joined(ada) })).toThrow(/log has a gap/);
});

/** One event of every type, in an order that makes sense. */
const everything: readonly Event[] = [
  ...onOneNode,
  joined(bob),
  download('Ongoing', bob),
  notPlaced('NotEnoughMemory', 'too big'),
  runner('Idle'),
  runner('Ready'),
  taskStarted(),
  taskEnded(),
  runner(failure()),
  retryScheduled(5),
  retrying,
  settled,
  gaveUp,
  retried,
  deleting,
  deleted,
];

test('[S3] apply changes none of its inputs', () => {
  let state = emptyState;
  everything.forEach((event, position) => {
    const entry = { index: position + 1, at: position, event };
    const before = JSON.stringify([state, entry]);
    const next = apply(state, entry);
    expect(JSON.stringify([state, entry])).toBe(before);
    state = next;
  });
});

test('[S4] after every event the schema accepts the state, and JSON gives it back', () => {
  everything.reduce((state, event) => {
    const next = after(state, event);
    expect(ClusterState.parse(next)).toEqual(next);
    expect(JSON.parse(JSON.stringify(next))).toEqual(next);
    return next;
  }, emptyState);
});

test('[S1] the same events give the same state', () => {
  expect(given(...everything)).toEqual(given(...everything));
});

test('[K1] the ids of the newest 1,000 commands are remembered, oldest first', () => {
  let state = emptyState;
  for (let index = 1; index <= REMEMBERED_COMMANDS + 2; index += 1) {
    const event: Event = { ...created(`m${index}` as MetaInstanceId) };
    state = apply(state, { index, at: 0, event, commandId: `c${index}` as CommandId });
  }
  expect([state.commands.length, state.commands[0], state.commands.at(-1)]).toEqual([1_000, 'c3', 'c1002']);
});

test('[S1] 100,000 events of a busy cluster are folded in 1.5 s', () => {
  const busy: Event[] = [];
  const metaInstances = Array.from({ length: 20 }, (_, at) => `m${at}` as MetaInstanceId);
  busy.push(...onThreeNodes, ...metaInstances.flatMap((id) => [created(id), placed([ada], id)]));
  for (let task = 0; busy.length < 100_000; task += 1) {
    busy.push(taskStarted(`task-${task}`));
    if (task >= 40) busy.push(taskEnded(`task-${task - 40}`));
    if (task % 50 === 0) busy.push(runner('Idle'), runner('Ready'), runner('Shutdown'));
  }
  const entries: IndexedEvent[] = busy.map((event, at) => ({ index: at + 1, at, event }));
  // Processor time and the best of three: a busy machine is no slower fold.
  const tookMs = [1, 2, 3].map(() => {
    const began = process.cpuUsage();
    const state = entries.reduce(apply, emptyState);
    expect(Object.keys(state.tasks).length).toBe(40);
    return process.cpuUsage(began).user / 1_000;
  });
  expect(Math.min(...tookMs)).toBeLessThan(1.5 * SECOND);
});
