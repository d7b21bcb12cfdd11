import { describe, expect, it } from 'vitest';
import { STOP_MS } from '../../main/node/node-life.ts';
import { settle } from '../support/fake-clock.ts';
import { fakeLife } from '../support/fake-life.ts';

const fails = (message: string) => (): Promise<void> => Promise.reject(new Error(message));
const never = (): Promise<void> => new Promise(() => undefined);
const firstUp = ['1 starts on 4321', 'up'];
const firstDown = [...firstUp, 'down', '1 stops'];

describe('the life of nodes in one data folder', () => {
  it('given a node that left its cluster, it is stopped and built anew on the port it was found at', async () => {
    const { life, happened, leave } = fakeLife();
    await life.start();
    const first = life.node;
    leave();
    await settle();
    expect(happened).toEqual([...firstDown, '2 starts on 4321', 'up']);
    expect(life.node).not.toBe(first);
    expect(life.node?.address).toBe('http://127.0.0.1:4321');
  });

  it('given a sleep alone, nothing happens, and nothing at the wake', async () => {
    const { life, happened } = fakeLife({ hasPeers: false });
    await life.start();
    await life.sleep();
    await life.wake();
    expect(happened).toEqual(firstUp);
  });

  it('given a sleep with others, it says goodbye before it stops, and wakes to a new node', async () => {
    const { life, happened } = fakeLife({ hasPeers: true });
    await life.start();
    await life.sleep();
    expect(happened).toEqual([...firstUp, '1 says goodbye', 'down', '1 stops']);
    expect(life.node).toBeUndefined();
    await life.wake();
    expect(happened.slice(5)).toEqual(['2 starts on 4321', 'up']);
    expect(life.node).toBeDefined();
  });

  it('given a wake before the goodbye is said, one new node follows the old one', async () => {
    const { life, happened } = fakeLife({ hasPeers: true });
    await life.start();
    await Promise.all([life.sleep(), life.wake()]);
    expect(happened).toEqual([...firstUp, '1 says goodbye', 'down', '1 stops', '2 starts on 4321', 'up']);
  });

  it('given a sleep before the first node is up, or a wake without one, nothing happens', async () => {
    const { life, happened } = fakeLife({ hasPeers: true });
    await life.sleep();
    await life.start();
    await life.wake();
    expect(happened).toEqual(firstUp);
  });

  it('given a stop during the start, the node comes up and is stopped; none follows', async () => {
    const gate = Promise.withResolvers<void>();
    const { life, happened } = fakeLife({ start: () => gate.promise });
    const started = life.start();
    await settle();
    const stopped = life.stop();
    gate.resolve();
    await Promise.all([started, stopped]);
    expect(happened).toEqual(firstDown);
    expect(await life.ended).toEqual({ type: 'Stopped' });
  });

  it('given a stop before the start has begun, no node is built', async () => {
    const { life, happened } = fakeLife();
    await Promise.all([life.start(), life.stop()]);
    expect(happened).toEqual([]);
  });

  it('given it is stopped twice, the node is stopped once, and it wakes and starts no more', async () => {
    const { life, happened, leave } = fakeLife({ hasPeers: true });
    await life.start();
    await Promise.all([life.stop(), life.stop()]);
    await life.sleep();
    await life.wake();
    await life.start();
    leave();
    await settle();
    expect(happened).toEqual(firstDown);
  });

  it.each([
    ['a node that does not stop', { stop: never }],
    ['a node that does not come up', { start: never }],
  ])('given %s, the stop is over after its longest time', async (_name, script) => {
    const { life, clock } = fakeLife(script);
    void life.start();
    await settle();
    let isOver = false;
    const stopped = life.stop().then(() => (isOver = true));
    await clock.advance(STOP_MS - 1);
    expect(isOver).toBe(false);
    await clock.advance(1);
    await stopped;
    expect(await life.ended).toEqual({ type: 'Stopped' });
    expect(clock.waiting).toBe(0);
  });

  it('given a node whose stop fails, another follows it, and the life can be ended', async () => {
    const { life, happened, leave } = fakeLife({ stop: fails('a file is gone') });
    await life.start();
    leave();
    await settle();
    expect(happened).toEqual([...firstDown, '2 starts on 4321', 'up']);
    await life.stop();
    expect(await life.ended).toEqual({ type: 'Stopped' });
  });

  it('given a first start that fails, it rejects, what is left of it is stopped, and no end is told', async () => {
    const { life, happened } = fakeLife({ start: fails('its port is taken') });
    await expect(life.start()).rejects.toThrow('its port is taken');
    expect(happened).toEqual(['1 starts on 4321', '1 stops']);
    expect(life.node).toBeUndefined();
    await life.stop();
    expect(await life.ended).toEqual({ type: 'Stopped' });
  });

  it('given a second start that fails, the life is broken and says why', async () => {
    const { life, happened, leave } = fakeLife({}, { start: fails('the disk is full') });
    await life.start();
    leave();
    expect(await life.ended).toEqual({ type: 'Broken', problem: new Error('the disk is full') });
    await life.wake();
    expect(happened).toEqual([...firstDown, '2 starts on 4321', '2 stops']);
  });

  it('given a node that can not go on, the life is broken, nothing follows, and it can still be stopped', async () => {
    const { life, happened, breakDown } = fakeLife({ hasPeers: true });
    await life.start();
    breakDown(new Error('the log refuses'));
    expect(await life.ended).toEqual({ type: 'Broken', problem: new Error('the log refuses') });
    await life.sleep();
    await life.wake();
    expect(happened).toEqual(firstUp);
    await life.stop();
    expect(happened).toEqual(firstDown);
  });
});
