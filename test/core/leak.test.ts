import { describe, expect, it } from 'vitest';
import type { Event } from '../../main/core/event.ts';
import { defaultPolicy } from '../../main/core/policy.ts';
import { place } from '../../main/core/placement/place.ts';
import { reconcileInstance } from '../../main/core/reconcile/instance.ts';
import type { ClusterState } from '../../main/core/state.ts';
import { GiB } from '../../main/core/unit.ts';
import {
  ada,
  after,
  bob,
  chat,
  chatInstance,
  context,
  created,
  failure,
  given,
  joined,
  onOneNode,
  placed,
  runner,
  theChat,
  updated,
} from '../support/core-builders.ts';

/** A status with what did not come back. */
const leaking = (status: ReturnType<typeof failure> | { readonly type: 'Shutdown' }): Event =>
  runner({ ...status, leakedBytes: 3 * GiB } as ReturnType<typeof failure>);
const retried: Event = { type: 'MetaInstanceRetried', metaInstanceId: chat };

const failed: readonly Event[] = [...onOneNode, joined(bob), runner('Ready'), leaking(failure())];
const deleted: Event = {
  type: 'InstanceDeleted',
  instanceId: chatInstance,
  reason: 'MemoryLeaked',
  message: 'ada: boom',
};

describe('[L23] memory that does not come back', () => {
  it('after a failure is told in a condition, by how much and where', () => {
    const { conditions, leakedNodes } = theChat(given(...failed)).status;
    expect(leakedNodes).toEqual([ada]);
    expect(conditions.MemoryLeaked).toMatchObject({
      status: 'True',
      reason: 'MemoryNotReturned',
      message:
        'ada: 3.00 GiB that its runner held did not come back. Nothing of it starts there again; restart that computer, or ask for another try',
    });
  });

  it('after an orderly end is told too, and the runner is gone', () => {
    const state = given(...onOneNode, runner('Ready'), leaking({ type: 'Shutdown' }));
    expect(theChat(state).status.leakedNodes).toEqual([ada]);
    expect(state.runners).toEqual({});
  });

  it('of a model that is deleted concerns nobody', () => {
    const state = given(...onOneNode, runner('Ready'));
    const { metaInstances: _, ...rest } = state;
    expect(after({ ...rest, metaInstances: {} }, leaking({ type: 'Shutdown' })).metaInstances).toEqual({});
  });

  it('ends the attempts on that node; the failure stays visible and no retry is used up', () => {
    const state = given(...failed);
    expect(reconcileInstance(state, chatInstance, context()).events).toEqual([deleted]);
    const { lastFailure, consecutiveFailures } = theChat(after(state, deleted)).status;
    expect([lastFailure?.message, consecutiveFailures]).toEqual(['ada: boom', 0]);
  });

  it('waits for the ranks that still live', () => {
    const state = given(
      joined(ada),
      joined(bob),
      created(),
      placed([ada, bob]),
      runner('Ready', { rank: 1 }),
      leaking(failure()),
    );
    expect(reconcileInstance(state, chatInstance, context()).events).toEqual([]);
  });

  it('keeps the model off that node and no other', () => {
    const state = after(given(...failed), deleted);
    const node = (nodeId: typeof ada): object => ({
      nodeId,
      totalBytes: 64 * GiB,
      availableBytes: 64 * GiB,
      at: 0,
    });
    const telemetry = { ...context().telemetry, nodes: { [ada]: node(ada), [bob]: node(bob) } };
    const at = {
      now: 0,
      policy: defaultPolicy,
      telemetry: telemetry as ReturnType<typeof context>['telemetry'],
    };
    const found = place(state, theChat(state), at);
    expect(found.ok && found.value.assignments.map(({ nodeId }) => nodeId)).toEqual([bob]);
    const alone = { ...at, telemetry: { ...at.telemetry, nodes: { [ada]: at.telemetry.nodes[ada]! } } };
    const { [bob]: _, ...nodes } = state.nodes;
    expect(place({ ...state, nodes }, theChat(state), alone)).toMatchObject({
      ok: false,
      error: { reason: 'MemoryLeaked', message: expect.stringContaining('ada: memory that') as unknown },
    });
  });

  it.each<[string, Event]>([
    ['a person asks for another try', retried],
    ['a person edits', updated({ minNodes: 2 })],
    ['the node starts anew', joined(ada, 'session-2')],
  ])('counts no more when %s', (_, event) => {
    const state: ClusterState = after(given(...failed), event);
    expect(theChat(state).status.leakedNodes).toEqual([]);
    expect(theChat(state).status.conditions.MemoryLeaked).toBeUndefined();
  });

  it('on another node stays when one starts anew', () => {
    const state = after(given(...failed), joined(bob, 'session-2'));
    expect(theChat(state).status.leakedNodes).toEqual([ada]);
  });
});
