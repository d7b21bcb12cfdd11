import { describe, expect, test } from 'vitest';
import type { IpcConnection } from '../../main/core/contract/ipc-wire.ts';
import { MetaInstanceSpec, type MetaInstance } from '../../main/core/meta-instance.ts';
import { ClusterStore } from '../../renderer/stores/cluster-store.ts';
import { Connection } from '../../renderer/stores/connection.ts';
import { changesTo } from '../../renderer/stores/create-store.ts';
import { ToastStore } from '../../renderer/stores/toast-store.ts';
import { hashOf, parseRoute, UiStore } from '../../renderer/stores/ui-store.ts';
import { UndoStore } from '../../renderer/stores/undo-store.ts';
import { formatAgo, formatBandwidth, formatDuration } from '../../renderer/lib/format.ts';
import { FakeClock } from '../support/fake-clock.ts';

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('the address of a page', () => {
  test.each([
    ['#/chat/abc', { view: 'chat', detail: 'abc' }],
    ['#/activity/a%2Fb', { view: 'activity', detail: 'a/b' }],
    ['#/settings', { view: 'settings', detail: null }],
    ['', { view: 'cluster', detail: null }],
    ['#/nowhere/x', { view: 'cluster', detail: null }],
    ['#/chat/%E0%A4%A', { view: 'chat', detail: null }],
  ] as const)('%s shows %o', (hash, route) => {
    expect(parseRoute(hash)).toEqual(route);
  });

  test('given a view, its address leads back to it, and what was chosen before is remembered', () => {
    const kept = new Map([['skein.theme', 'dark']]);
    const location = { hash: '' };
    const themes: string[] = [];
    const ui = new UiStore({
      location,
      store: { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => void kept.set(key, value) },
      onTheme: (theme) => themes.push(theme),
    });
    ui.show('activity', 'a b/c');
    expect(parseRoute(location.hash)).toEqual(ui.route);
    expect(hashOf({ view: 'chat', detail: null })).toBe('#/chat');
    ui.setTheme('system');
    ui.welcome(true);
    expect({ themes, kept: [...kept] }).toEqual({
      themes: ['dark', 'system'],
      kept: [
        ['skein.theme', 'system'],
        ['skein.welcomed', 'yes'],
      ],
    });
  });
});

describe('the connection of a page', () => {
  /** A node that greets, or not, at each try. */
  function setUp(
    tries: readonly ('Refuses' | 'Greets' | 'IsNewer' | 'Hangs' | 'Mumbles' | 'IsMute' | 'Raves')[],
  ) {
    const clock = new FakeClock();
    const open: IpcConnection[] = [];
    const closed: string[] = [];
    let count = 0;
    const connection = new Connection({
      now: () => clock.now(),
      after: (delayMs, call) => clock.after(delayMs, call),
      connect: (signal) => {
        const kind = tries[count] ?? 'Refuses';
        count += 1;
        if (kind === 'Refuses') return Promise.reject(new Error('nobody is there'));
        if (kind === 'Hangs') {
          return new Promise((_, reject) =>
            signal.addEventListener('abort', () => reject(new Error('too late'))),
          );
        }
        const made: IpcConnection = {
          waiting: 0,
          onMessage: () => undefined,
          onClose: () => undefined,
          close: (reason) => {
            closed.push(reason);
            // As a socket does: not before the other end has answered.
            clock.after(400, () => made.onClose(reason));
          },
          send: (text) => {
            const { id, method, stream } = JSON.parse(text) as {
              id: number;
              method?: string;
              stream?: string;
            };
            if (kind === 'IsMute') return true;
            if (kind === 'Raves' && stream === 'state')
              queueMicrotask(() => made.onMessage(JSON.stringify({ type: 'Item', id, item: 'riddle' })));
            const value = {
              ...(kind === 'Mumbles' && { riddle: true }),
              protocol: kind === 'IsNewer' ? 99 : 1,
              version: '2.0.0',
              nodeId: '12D3KooWAVJAiRw8ySzh2bRJ2Kq41RKXTHExMZw29jV1s8L7NR1u',
              name: 'desk',
              platform: 'linux',
              apiAddress: null,
            };
            if (method === 'hello')
              queueMicrotask(() => made.onMessage(JSON.stringify({ type: 'Value', id, value })));
            return true;
          },
        };
        open.push(made);
        return Promise.resolve(made);
      },
    });
    return { clock, connection, open, closed, tries: () => count };
  }

  test('given a node that comes late and goes again, it is found each time, and followers get each client', async () => {
    const { clock, connection, open } = setUp(['Refuses', 'Greets', 'Refuses', 'Greets']);
    let clients = 0;
    connection.follow(() => (clients += 1));
    connection.start();
    await settled();
    expect(connection.status).toMatchObject({ type: 'Lost', reason: 'nobody is there' });
    expect(() => connection.client).toThrow(/not connected/);
    await clock.advance(300);
    await settled();
    expect(connection.status.type).toBe('Connected');
    await clock.advance(5_000);
    open[0]?.onClose('the node is stopping');
    expect(connection.status).toMatchObject({ type: 'Lost', reason: 'the node is stopping' });
    await clock.advance(300);
    await settled();
    await clock.advance(600);
    await settled();
    expect({ status: connection.status.type, clients }).toEqual({ status: 'Connected', clients: 2 });
  });

  test('given a node of another protocol, the page says so and tries no more', async () => {
    const { clock, connection, tries } = setUp(['IsNewer', 'Greets']);
    connection.start();
    await settled();
    expect(connection.status).toEqual({ type: 'Outdated', version: '2.0.0' });
    await clock.advance(60_000);
    await settled();
    expect(tries()).toBe(1);
  });

  test('given a node that says what nobody can read, the page looks for it anew', async () => {
    const { clock, connection, open } = setUp(['Greets', 'Greets']);
    connection.start();
    await settled();
    open[0]?.onMessage('{"type":"Riddle"}');
    expect(connection.status.type).toBe('Lost');
    await clock.advance(300);
    await settled();
    expect(connection.status.type).toBe('Connected');
  });

  test('given a node whose greeting can not be read, no connection to it stays open', async () => {
    const { clock, connection, closed, tries } = setUp(['Mumbles', 'Mumbles', 'Greets']);
    connection.start();
    await settled();
    expect(connection.status).toMatchObject({
      type: 'Lost',
      reason: expect.stringContaining('another version'),
    });
    await clock.advance(300);
    await settled();
    expect(closed).toHaveLength(2);
    // The close of the first is confirmed while the third is on its way: nothing is tried twice.
    await clock.advance(1_000);
    await settled();
    expect([connection.status.type, tries(), closed.length]).toEqual(['Connected', 3, 2]);
  });

  test('given a node that never greets, it is given up after its deadline', async () => {
    const { clock, connection, closed } = setUp(['IsMute', 'Greets']);
    connection.start();
    await settled();
    await clock.advance(5_100);
    await settled();
    expect(connection.status).toMatchObject({
      type: 'Lost',
      reason: expect.stringContaining('does not answer'),
    });
    expect(closed).toHaveLength(1);
    await clock.advance(300);
    await settled();
    expect(connection.status.type).toBe('Connected');
  });

  test('given a page that went before it was connected, nothing stays open', async () => {
    const { connection, closed } = setUp(['Greets']);
    connection.start();
    connection.stop();
    await settled();
    expect(closed).toHaveLength(1);
  });

  test('given a state that can not be read, the page says so and looks for it anew, ever less often', async () => {
    const { clock, connection, tries } = setUp(['Raves', 'Raves', 'Raves', 'Raves', 'Raves']);
    new ClusterStore(connection);
    connection.start();
    await settled();
    await settled();
    expect(connection.status).toMatchObject({
      type: 'Lost',
      reason: expect.stringContaining("can't be read"),
    });
    await clock.advance(1_500);
    await settled();
    expect(tries()).toBe(3);
  });

  test('given a carrier that hangs, it is given up after its deadline', async () => {
    const { clock, connection } = setUp(['Hangs', 'Greets']);
    connection.start();
    await clock.advance(5_100);
    await settled();
    expect(connection.status).toMatchObject({ type: 'Lost', reason: 'too late' });
    await clock.advance(300);
    await settled();
    expect(connection.status.type).toBe('Connected');
    connection.stop();
    connection.stop();
  });
});

describe('a delete that can be taken back', () => {
  function setUp() {
    const clock = new FakeClock();
    const after = (delayMs: number, call: () => void) => clock.after(delayMs, call);
    const toasts = new ToastStore({ after });
    return { clock, toasts, undo: new UndoStore({ toasts, after }) };
  }

  test('given time, it is asked for once, and what it is about stays hidden until then', async () => {
    const { clock, undo } = setUp();
    let asked = 0;
    undo.later('a', 'a is deleted', async () => ++asked > 0);
    expect([undo.hides('a'), asked]).toEqual([true, 0]);
    await clock.advance(5_100);
    await settled();
    expect([undo.hides('a'), asked]).toEqual([false, 1]);
  });

  test('given a click, nothing is asked', async () => {
    const { clock, toasts, undo } = setUp();
    let asked = 0;
    undo.later('a', 'a is deleted', async () => ++asked > 0);
    toasts.toasts[0]?.action?.run();
    await clock.advance(60_000);
    await settled();
    expect([undo.hides('a'), asked, toasts.toasts.length]).toEqual([false, 0, 0]);
  });

  test('given so long that it is asked for, nothing offers to take it back any more', async () => {
    const { clock, toasts, undo } = setUp();
    undo.later('a', 'a is deleted', async () => true);
    const action = toasts.toasts[0]?.action;
    await clock.advance(5_100);
    await settled();
    expect(toasts.toasts).toEqual([]);
    undo.later('a', 'a is deleted', async () => true);
    // A click on the first that was on its way.
    action?.run();
    expect(undo.hides('a')).toBe(true);
  });

  test('given a request that fails, it is shown again', async () => {
    const { clock, toasts, undo } = setUp();
    undo.later('a', 'a is deleted', () => Promise.reject(new Error('not now')));
    await clock.advance(5_100);
    await settled();
    expect([undo.hides('a'), toasts.toasts.map(({ text }) => text)]).toEqual([false, ['not now']]);
  });

  test('given a page that goes, what waits is asked for now', async () => {
    const { undo } = setUp();
    let asked = 0;
    undo.later('a', 'a', async () => ++asked > 0);
    undo.flush();
    undo.flush();
    await settled();
    expect(asked).toBe(1);
  });
});

describe('what an edit asks for', () => {
  const spec = MetaInstanceSpec.parse({ modelId: 'm', priority: 60, contextLength: 512 });
  const before = { spec } as MetaInstance;

  test.each([
    ['nothing', spec, {}],
    ['another priority', { ...spec, priority: 70 }, { priority: 70 }],
    ['what is usual, said aloud', { ...spec, placement: 'smallest', preempt: false } as const, {}],
    [
      'an optional field less',
      MetaInstanceSpec.parse({ modelId: 'm', priority: 60 }),
      { contextLength: null },
    ],
  ])('given %s, only that is sent', (_name, after, changes) => {
    expect(changesTo(before, after)).toEqual(changes);
  });
});

describe('figures for people', () => {
  test.each([
    [formatDuration(400), '0 s'],
    [formatDuration(59_000), '59 s'],
    [formatDuration(90_000), '2 min'],
    [formatDuration(3 * 3_600_000 + 20 * 60_000), '3 h 20 min'],
    [formatDuration(50 * 3_600_000), '2 days'],
    [formatAgo(1_000, 1_900), 'just now'],
    [formatAgo(0, 90_000), '2 min ago'],
    [formatBandwidth(941e6), '941 Mbit/s'],
    [formatBandwidth(38.2e9), '38 Gbit/s'],
  ])('%s reads %s', (text, expected) => {
    expect(text).toBe(expected);
  });
});
