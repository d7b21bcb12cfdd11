import { describe, expect, test } from 'vitest';
import { admit, type Report } from '../../main/core/admit.ts';
import type { Command } from '../../main/core/command.ts';
import { decide } from '../../main/core/decide.ts';
import { decideKept } from '../../main/core/election/decide-kept.ts';
import type { Event } from '../../main/core/event.ts';
import type { CommandId, NodeId } from '../../main/core/id.ts';
import { reconcileMetaInstance } from '../../main/core/reconcile/meta-instance.ts';
import { touchedBy } from '../../main/core/reconcile/touched.ts';
import { ClusterState, REMEMBERED_NODES, emptyState } from '../../main/core/state.ts';
import {
  ada,
  after,
  bob,
  chat,
  chatInstance,
  context,
  cyd,
  download,
  given,
  joined,
  onOneNode,
  onThreeNodes,
  runner,
  taskStarted,
  telemetry,
  theChat,
} from '../support/core-builders.ts';

const remove = (nodeId: NodeId): Command => ({
  type: 'RemoveNode',
  commandId: 'remove-1' as CommandId,
  nodeId,
});
const readmit = (nodeId: NodeId): Command => ({
  type: 'ReadmitNode',
  commandId: 'readmit-1' as CommandId,
  nodeId,
});
const removed = (nodeId: NodeId): Event => ({ type: 'NodeRemoved', nodeId });
const readmitted = (nodeId: NodeId): Event => ({ type: 'NodeReadmitted', nodeId });
const lost = (name: string): Event => ({
  type: 'InstanceDeleted',
  instanceId: chatInstance,
  reason: 'NodeLost',
  message: `${name} was removed from the cluster`,
});

const rows: readonly {
  readonly name: string;
  readonly given: readonly Event[];
  readonly when: Command;
  readonly then: unknown;
}[] = [
  {
    name: '[N7] a node without work → removed',
    given: [joined(ada), joined(bob)],
    when: remove(bob),
    then: { ok: true, value: [removed(bob)] },
  },
  {
    name: '[N7] a node with a shard → its Instance is lost with it',
    given: onThreeNodes,
    when: remove(bob),
    then: { ok: true, value: [lost('bob'), removed(bob)] },
  },
  {
    name: '[N7] a node that is lost → removed, it need not be there',
    given: [joined(ada), joined(bob), { type: 'NodeLost', nodeId: bob, reason: 'Silent', message: 'silent' }],
    when: remove(bob),
    then: { ok: true, value: [removed(bob)] },
  },
  {
    name: '[K10] a node that never joined → refused, naming those that did',
    given: [joined(ada), joined(bob)],
    when: remove(cyd),
    then: {
      ok: false,
      error: {
        code: 'NotFound',
        message: 'there is no node node-cyd; known are ada (node-ada), bob (node-bob)',
      },
    },
  },
  {
    name: '[K2, K10] one that was removed → accepted, nothing happens',
    given: [joined(ada), joined(bob), removed(bob)],
    when: remove(bob),
    then: { ok: true, value: [] },
  },
  {
    name: '[N8] a removed one may come back → let in again',
    given: [joined(ada), joined(bob), removed(bob)],
    when: readmit(bob),
    then: { ok: true, value: [readmitted(bob)] },
  },
  {
    name: '[K2, N8] one that was never removed may come back → nothing to do',
    given: [joined(ada)],
    when: readmit(bob),
    then: { ok: true, value: [] },
  },
];

test.each(rows)('$name', ({ given: events, when, then }) => {
  expect(decide(given(...events), when, context())).toEqual(then);
});

describe('[N7] what is left of a removed node', () => {
  const busy = [...onThreeNodes, runner('Ready', { rank: 1 }), taskStarted('task-1', chatInstance, bob)];
  const state = given(...busy, lost('bob'), removed(bob));

  test('nothing: no record, no runner, no task, no files', () => {
    expect(JSON.stringify({ ...state, removedNodes: [] })).not.toContain(`"${bob}"`);
    expect(state.removedNodes).toEqual([bob]);
    expect(ClusterState.parse(state)).toEqual(state);
  });

  test('its Instance is placed anew on the others, which uses up no attempt', () => {
    const { consecutiveFailures } = theChat(state).status;
    const observed = telemetry({ [ada]: 8, [bob]: 8, [cyd]: 8 });
    const { events } = reconcileMetaInstance(state, chat, context({ telemetry: observed }));
    const nodes = events.flatMap((event) =>
      event.type === 'InstanceCreated' ? event.instance.assignments.map(({ nodeId }) => nodeId) : [],
    );
    expect([consecutiveFailures, nodes]).toEqual([0, [ada]]);
    expect(touchedBy(removed(bob), state).metaInstances).toEqual([chat]);
  });

  test('the master of one node removes itself: the state is empty of nodes', () => {
    const alone = after(given(...onOneNode), lost('ada'), removed(ada));
    expect([alone.nodes, alone.instances, alone.downloads]).toEqual([{}, {}, {}]);
  });
});

describe('[N2, N8] of a removed node nothing is taken', () => {
  const state = given(...onThreeNodes, lost('bob'), removed(bob));
  test.each<[string, Report, boolean]>([
    ['its next start', joined(bob, 'session-2'), false],
    ['a file that it verified', download('Completed', bob), false],
    ['a word of its runner', runner('Ready', { rank: 1 }), false],
    ['a task of a client there', taskStarted('task-1', chatInstance, bob), false],
    ['another node goes on', joined(cyd, 'session-2'), true],
  ])('%s', (_, report, taken) => {
    expect(admit(state, report)).toBe(taken);
  });

  test('let in again → its start is taken', () => {
    expect(admit(after(state, readmitted(bob)), joined(bob, 'session-1'))).toBe(true);
  });

  test('as many are remembered as may be, the newest', () => {
    const ids = Array.from({ length: REMEMBERED_NODES + 1 }, (_, at) => `node-number-${at}` as NodeId);
    const all = after(emptyState, ...ids.flatMap((nodeId) => [joined(nodeId), removed(nodeId)]));
    expect(all.removedNodes).toEqual(ids.slice(1));
  });

  test('a snapshot of an earlier release has none', () => {
    const { removedNodes: _, ...earlier } = state;
    expect(ClusterState.parse(earlier).removedNodes).toEqual([]);
  });
});

test('[E8, N7] the losing side had removed a node that the winner never knew → that is done', () => {
  const kept = { command: remove(cyd), baseGeneration: null };
  const { outcome, events } = decideKept(given(joined(ada)), kept, true, context());
  expect([outcome, events.map(({ type }) => type)]).toEqual([{ type: 'Accepted' }, ['CommandSettled']]);
});
