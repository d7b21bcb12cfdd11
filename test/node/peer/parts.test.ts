import { describe, expect, it } from 'vitest';
import { NodeId } from '../../../main/core/id.ts';
import { AddressBook } from '../../../main/node/peer/address-book.ts';
import { dialable } from '../../../main/node/peer/address.ts';
import { Dialer, type DialOutcome, type Target } from '../../../main/node/peer/dialer.ts';
import { encodeFrame, FrameDecoder, FrameKind } from '../../../main/node/peer/frame.ts';
import {
  DIAL_TURN_MS,
  MAX_ADDRESSES_PER_NODE,
  MAX_REFUSED,
  MAX_REMEMBERED,
  PENALTY_MS,
  UNREACHABLE_AFTER,
} from '../../../main/node/peer/limits.ts';
import { RateGuard } from '../../../main/node/peer/rate.ts';
import type { PeerLinks } from '../../../main/node/peer/peer-links.ts';
import { Reach } from '../../../main/node/peer/reach.ts';
import { Refusals } from '../../../main/node/peer/refusals.ts';
import { createLog } from '../../../main/node/log.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const log = createLog({ level: 'silent', now: () => 0, write: () => undefined });
const nodeId = (name: string): NodeId => NodeId.parse(`node-id-${name}`);

describe('frames', () => {
  const frames = [
    [FrameKind.Json, '{"a":"ä"}'],
    [FrameKind.Bytes, 'x'.repeat(1_000)],
    [FrameKind.End, ''],
    [FrameKind.Word, '{"type":"Bye"}'],
  ] as const;
  const wire = Buffer.concat(frames.map(([kind, content]) => encodeFrame(kind, content)));

  it.each([1, 2, 3, 5, 7, 64, 1_000, wire.length])('come out whole from pieces of %i bytes', (size) => {
    const decoder = new FrameDecoder({ maxContentBytes: 1_000 });
    const got: [number, string][] = [];
    for (let at = 0; at < wire.length; at += size) {
      for (const { kind, content } of decoder.take(wire.subarray(at, at + size))) {
        got.push([kind, content.toString()]);
      }
    }
    expect(got).toEqual(frames);
  });

  it('one byte more than allowed is refused as soon as its length is known', () => {
    const decoder = new FrameDecoder({ maxContentBytes: 999 });
    expect(() => [...decoder.take(encodeFrame(FrameKind.Bytes, 'x'.repeat(1_000)).subarray(0, 5))]).toThrow(
      'a message of 1000 bytes, where 999 are allowed',
    );
  });
});

describe('looking for a node', () => {
  const search = (outcome: () => DialOutcome, self = 'a') => {
    const clock = new FakeClock();
    const dials: number[] = [];
    const unreachable: string[] = [];
    const dialer = new Dialer(
      { clock, random: () => 0.999_999 },
      {
        selfId: nodeId(self),
        isSettled: () => false,
        dial: async () => {
          dials.push(Math.round(clock.monotonic()));
          return outcome();
        },
        onUnreachable: (_, problem) => unreachable.push(problem),
      },
    );
    return { clock, dials, unreachable, dialer };
  };
  const b: Target = { nodeId: nodeId('b') };
  const fails = (): DialOutcome => ({ problem: 'nobody there' });

  it('dials at once, again after 100 ms, then after pauses that double up to 5 s', async () => {
    const { clock, dials, dialer } = search(fails);
    dialer.seek(b);
    dialer.seek(b);
    await clock.advance(20_000);
    expect(dials).toEqual([0, 100, 300, 700, 1_500, 3_100, 6_300, 11_300, 16_300]);
    dialer.close();
    expect(clock.waiting).toBe(0);
  });

  it('the larger id of two leaves the first turn to the other', async () => {
    const { clock, dials, dialer } = search(fails, 'c');
    dialer.seek(b);
    await clock.advance(DIAL_TURN_MS);
    expect(dials).toEqual([DIAL_TURN_MS]);
  });

  it('is named unreachable only after some failures, and once it is seen again it is dialled at once', async () => {
    const { clock, dials, unreachable, dialer } = search(fails);
    dialer.seek(b);
    await clock.advance(699);
    expect([dials.length, unreachable]).toEqual([UNREACHABLE_AFTER - 1, []]);
    await clock.advance(9_000);
    expect(unreachable.length).toBeGreaterThan(0);
    const before = dials.length;
    dialer.hasten(b);
    await clock.advance(100);
    expect(dials).toHaveLength(before + 1);
  });

  it('ends with success, waits as long as it is told to, and not at all for one that was left', async () => {
    let outcome: DialOutcome = { problem: 'cut off', pauseMs: PENALTY_MS };
    const { clock, dials, dialer } = search(() => outcome);
    dialer.seek(b);
    await clock.advance(PENALTY_MS - 1);
    expect(dials).toEqual([0]);
    outcome = { nodeId: nodeId('b') };
    await clock.advance(60_000);
    expect(dials).toEqual([0, PENALTY_MS]);
    dialer.postpone(b, 1_000);
    dialer.leave(b);
    await clock.advance(60_000);
    expect(dials).toHaveLength(2);
  });
});

describe('those that are not let in', () => {
  it('come back once their time is over; removed ones never do', async () => {
    const clock = new FakeClock();
    const refusals = new Refusals({ clock });
    refusals.bar(nodeId('b'), 'Flooded');
    refusals.remove(nodeId('c'));
    await clock.advance(PENALTY_MS - 1);
    expect(refusals.obstacle(nodeId('b'))).toBe('Flooded');
    await clock.advance(1);
    expect(refusals.obstacle(nodeId('b'))).toBeUndefined();
    await clock.advance(1_000_000_000);
    expect(refusals.obstacle(nodeId('c'))).toBe('Removed');
  });

  it('each is named once for one reason, the newest last, and not without end', () => {
    const refusals = new Refusals({ clock: new FakeClock() });
    const entry = { code: 'Lied', address: '/ip4/10.0.0.1/tcp/1', message: 'x' } as const;
    for (let n = 0; n < 3 * MAX_REFUSED; n += 1) refusals.add({ ...entry, nodeId: nodeId(`n${n}`) });
    refusals.add({ ...entry, nodeId: nodeId(`n${3 * MAX_REFUSED - 2}`), message: 'again' });
    expect(refusals.list).toHaveLength(MAX_REFUSED);
    expect(refusals.list.at(-1)).toMatchObject({ message: 'again' });
    expect(new Set(refusals.list.map((one) => one.nodeId)).size).toBe(MAX_REFUSED);
  });
});

describe('a node that does not answer', () => {
  const address = '/ip4/192.168.1.5/tcp/52416';

  /** What is said of it when both its id and its address are looked for, and it becomes known in between or before. */
  it.each([true, false])('is named once, where it is known before: %s', (isKnown) => {
    const clock = new FakeClock();
    const refusals = new Refusals({ clock });
    const book = new AddressBook({ clock, log }, { path: undefined, cluster: 'a', given: [] });
    const reach = new Reach(
      { clock, book, refusals, links: {} as PeerLinks },
      { selfId: nodeId('self'), libp2p: () => undefined, listening: () => [] },
    );
    const known = nodeId('laptop');
    if (isKnown) book.learn(known, ['/ip4/10.0.0.5/tcp/52416', address]);
    reach.unreachable({ address }, 'silence');
    book.learn(known, ['/ip4/10.0.0.5/tcp/52416', address]);
    reach.unreachable({ nodeId: known }, 'silence');
    reach.unreachable({ address: `${address}/p2p/${known}` }, 'silence');
    reach.unreachable({ address }, 'silence');
    expect(refusals.list.map((entry) => entry.nodeId)).toEqual([known]);
  });
});

describe('rates', () => {
  it('a burst passes, more than that does not, and time makes up for it', async () => {
    const clock = new FakeClock();
    const rate = { messagesPerS: 10, messageBurst: 20, bytesPerS: 1_000, byteBurst: 5_000 };
    const guard = new RateGuard({ clock }, { rate });
    expect(Array.from({ length: 21 }, () => guard.allows(1)).indexOf(false)).toBe(20);
    await clock.advance(1_000);
    expect(guard.allows(1)).toBe(true);
    expect(guard.allows(50_000)).toBe(false);
  });
});

describe('addresses that another node tells of', () => {
  const told = [
    '/ip4/192.168.1.5/tcp/52416/p2p/12D3KooW',
    '/ip4/127.0.0.1/tcp/52416',
    '/ip6/fe80::1/tcp/52416',
    '/ip6/fd00::1/tcp/52416',
    '/ip4/999.1.1.1/tcp/1',
    '/ip4/10.0.0.1/udp/1/quic-v1',
    'nonsense',
  ];
  it.each([
    [false, ['/ip4/192.168.1.5/tcp/52416', '/ip6/fd00::1/tcp/52416']],
    [true, ['/ip4/192.168.1.5/tcp/52416', '/ip4/127.0.0.1/tcp/52416', '/ip6/fd00::1/tcp/52416']],
  ])('on this computer: %s; only those that can be dialled from here are kept', (isHere, kept) => {
    expect(dialable(told, isHere)).toEqual(kept);
  });

  it('a member that names thousands of nodes and addresses fills a bounded book', () => {
    const book = new AddressBook(
      { clock: new FakeClock(), log },
      { path: undefined, cluster: 'x', given: [] },
    );
    for (let n = 0; n < 2_000; n += 1) book.learn(nodeId(`n${n}`), [`/ip4/10.0.0.1/tcp/${n + 1}`]);
    for (let n = 0; n < 2_000; n += 1) book.learn(nodeId('n0'), [`/ip4/10.0.0.2/tcp/${n + 1}`]);
    expect(book.nodeIds).toHaveLength(MAX_REMEMBERED);
    expect(book.addressesOf(nodeId('n0'))).toHaveLength(MAX_ADDRESSES_PER_NODE);
    expect(book.addressesOf(nodeId('n0'))[0]).toBe('/ip4/10.0.0.2/tcp/2000');
  });

  it('what was heard in the network is looked at, but neither passed on nor remembered, and pushes nobody out', () => {
    const book = new AddressBook(
      { clock: new FakeClock(), log },
      { path: undefined, cluster: 'x', given: ['/ip4/10.0.0.9/tcp/1'] },
    );
    book.learn(nodeId('met'), ['/ip4/10.0.0.1/tcp/1']);
    const dropped = Array.from({ length: 2_000 }, (_, n) =>
      book.hint(nodeId(`n${n}`), [`/ip4/10.6.6.6/tcp/${n + 1}`]),
    );
    expect(dropped.filter((each) => each !== undefined)).toHaveLength(2_000 - MAX_REMEMBERED);
    book.hint(nodeId('met'), ['/ip4/10.6.6.6/tcp/7']);
    expect(book.nodeIds).toEqual([nodeId('met')]);
    expect(book.addressesOf(nodeId('met'))).toEqual(['/ip4/10.0.0.1/tcp/1']);
    expect(book.placesOf(nodeId('met'))).toEqual(['/ip4/10.6.6.6/tcp/7', '/ip4/10.0.0.1/tcp/1']);
    for (let n = 0; n < 100; n += 1) book.give(`/ip4/10.0.1.1/tcp/${n + 1}`, false);
    expect(book.given[0]).toBe('/ip4/10.0.0.9/tcp/1');
    book.give('/ip4/10.0.0.10/tcp/1');
    expect(book.given).toContain('/ip4/10.0.0.10/tcp/1');
  });
});
