import { autorun } from 'mobx';
import { describe, expect, test } from 'vitest';
import type { IndexedEvent } from '../../main/core/event.ts';
import { NodeId } from '../../main/core/id.ts';
import { emptyState } from '../../main/core/state.ts';
import { ActivityStore } from '../../renderer/stores/activity-store.ts';
import type { RootStore } from '../../renderer/stores/root-store.ts';

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const entry = (index: number, nodeId = 'node-one'): IndexedEvent => ({
  index,
  at: index,
  event: { type: 'NodeReturned', nodeId: NodeId.parse(nodeId) },
});

/** A page with a node whose log holds so many events. */
function setUp(count: number) {
  let log = Array.from({ length: count }, (_, at) => entry(at + 1));
  const onEvent: ((one: IndexedEvent) => void)[] = [];
  const onSnapshot: (() => void)[] = [];
  const failures: unknown[] = [];
  const cluster = {
    state: { ...emptyState, lastIndex: count },
    onEvent: (call: (one: IndexedEvent) => void) => {
      onEvent.push(call);
      return () => onEvent.splice(onEvent.indexOf(call), 1);
    },
    onSnapshot: (call: () => void) => {
      onSnapshot.push(call);
      return () => onSnapshot.splice(onSnapshot.indexOf(call), 1);
    },
  };
  const call = (_name: string, { after, limit }: { after: number; limit: number }): Promise<unknown> =>
    Promise.resolve({ events: log.filter(({ index }) => index > after).slice(0, limit) });
  const root = {
    cluster,
    call,
    toasts: { failed: (error: unknown) => failures.push(error) },
  } as unknown as RootStore;
  return {
    store: new ActivityStore(root),
    failures,
    followers: () => onEvent.length + onSnapshot.length,
    happens: (one: IndexedEvent) => {
      log.push(one);
      cluster.state = { ...cluster.state, lastIndex: one.index };
      for (const each of onEvent) each(one);
    },
    /** The state came whole, with a log that is now this one. */
    snapshot: (next: IndexedEvent[]) => {
      log = next;
      cluster.state = { ...cluster.state, lastIndex: next.at(-1)?.index ?? 0 };
      for (const each of onSnapshot) each();
    },
  };
}

const indices = ({ entries }: ActivityStore): number[] => entries.map(({ index }) => index);
const upTo = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, at) => from + at);

describe('what happened', () => {
  test('given a long log, the newest come first, and older ones when they are asked for', async () => {
    const { store } = setUp(4_500);
    await settled();
    expect([indices(store), store.hasAll]).toEqual([upTo(2_501, 4_500), false]);
    for (let more = 0; more < 10; more += 1) await store.older(store.rows(null).length);
    expect([indices(store), store.hasAll]).toEqual([upTo(501, 4_500), false]);
    for (let more = 0; more < 10; more += 1) await store.older(store.rows(null).length);
    expect([indices(store), store.hasAll]).toEqual([upTo(1, 4_500), true]);
  });

  test('given events while the page was away, they are there once the state came whole', async () => {
    const { store, happens, snapshot } = setUp(3);
    await settled();
    snapshot(upTo(1, 9).map((index) => entry(index)));
    happens(entry(10));
    await settled();
    expect(indices(store)).toEqual(upTo(1, 10));
  });

  test('given another history after a partition, nothing of the one that lost is left', async () => {
    const { store, snapshot } = setUp(9);
    await settled();
    snapshot(upTo(1, 5).map((index) => entry(index, 'node-other')));
    await settled();
    expect(indices(store)).toEqual(upTo(1, 5));
    expect(store.rows('node-one')).toEqual([]);
  });

  test('given events without end, only so many are kept, and the log has the others', async () => {
    const { store, happens } = setUp(0);
    await settled();
    let seen = 0;
    const end = autorun(() => (seen = store.entries.length));
    for (let index = 1; index <= 21_000; index += 1) happens(entry(index));
    end();
    expect(seen).toBe(store.entries.length);
    expect(store.entries.length).toBeLessThanOrEqual(20_000);
    expect([store.entries.at(-1)?.index, store.hasAll]).toEqual([21_000, false]);
  });

  test('given a page that closed it, twice, nothing follows it any more', () => {
    const { store, followers } = setUp(0);
    expect(followers()).toBe(2);
    store.close();
    store.close();
    expect(followers()).toBe(0);
  });
});
