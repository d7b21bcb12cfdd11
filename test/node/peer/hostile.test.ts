import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { encodeFrame, FrameKind } from '../../../main/node/peer/frame.ts';
import { GREETING_DEADLINE_MS, maxMessageBytes } from '../../../main/node/peer/limits.ts';
import type { PeerNetworkInit } from '../../../main/node/peer/peer-network.ts';
import { PeerRecord } from '../../support/peer-record.ts';
import { helloOf, RawMember } from '../../support/raw-member.ts';
import { idOf, realNetwork } from '../../support/real-peers.ts';

const soon = { interval: 10, timeout: 10_000 };
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function start(who: string, init: Partial<PeerNetworkInit> = {}): Promise<PeerRecord> {
  const record = new PeerRecord(realNetwork(who, init));
  cleanups.push(() => record.network.stop());
  await record.network.start();
  return record;
}

async function rawMember(who: string, at: PeerRecord): Promise<RawMember> {
  const member = await RawMember.dial(who, at.address);
  cleanups.push(() => member.libp2p.stop());
  return member;
}

const portOf = (record: PeerRecord): number => Number(record.address.split('/')[4]);

function stranger(at: PeerRecord): Socket {
  const socket = connect(portOf(at), '127.0.0.1');
  socket.on('error', () => undefined);
  socket.resume();
  cleanups.push(() => socket.destroy());
  return socket;
}

const ended = (socket: Socket): Promise<void> =>
  new Promise((resolve) => (socket.closed ? resolve() : void socket.once('close', () => resolve())));

describe('strangers without the cluster key', () => {
  it('one that says nothing is hung up on within seconds', async () => {
    const a = await start('a');
    const since = performance.now();
    await ended(stranger(a));
    expect(performance.now() - since).toBeLessThan(GREETING_DEADLINE_MS + 3_000);
    expect(a.log).toEqual([]);
  });

  it('garbage, of any length, gets nowhere and disturbs nobody', async () => {
    const a = await start('a');
    const b = await start('b', { peers: [a.address] });
    await b.untilPeers(1);
    const sockets = [1, 24, 300, 100_000].map((length) => {
      const socket = stranger(a);
      socket.write(Buffer.alloc(length, 0xa5));
      return socket;
    });
    await Promise.all(sockets.map(ended));
    expect(a.network.peers).toHaveLength(1);
    expect(a.network.send(idOf('b'), 'control', { fine: true })).toBe(true);
    await expect.poll(() => b.messages('control'), soon).toEqual([{ fine: true }]);
  });

  it('three hundred at once are turned away, cost little memory, and a member still gets in afterwards', async () => {
    const a = await start('a');
    const before = process.memoryUsage().rss;
    const sockets = Array.from({ length: 300 }, () => stranger(a));
    await Promise.all(sockets.map(ended));
    expect(process.memoryUsage().rss - before).toBeLessThan(100_000_000);
    const b = await start('b', { peers: [a.address] });
    await b.untilPeers(1);
  });
});

describe('members that misbehave', () => {
  const joined = async (): Promise<{ a: PeerRecord; member: RawMember }> => {
    const a = await start('a');
    const member = await rawMember('m', a);
    await member.join('m');
    await a.untilPeers(1);
    return { a, member };
  };
  const refusedAs = async (a: PeerRecord, member: RawMember, code: string): Promise<void> => {
    await expect.poll(() => a.network.status.refused.map((entry) => entry.code), soon).toEqual([code]);
    await expect.poll(() => member.isClosed, soon).toBe(true);
    expect(a.network.peers).toEqual([]);
    expect(a.network.status.refused).toMatchObject([{ nodeId: idOf('m'), message: expect.any(String) }]);
  };

  const garbage: readonly (readonly [string, (member: RawMember) => void])[] = [
    ['a length beyond the bound', (m) => m.bytes('control', Buffer.from('ffffffff00', 'hex'))],
    ['a length of nothing', (m) => m.bytes('control', Buffer.from('0000000000', 'hex'))],
    ['an unknown kind of frame', (m) => m.bytes('control', Buffer.from('0000000163', 'hex'))],
    ['JSON that is none', (m) => m.put('control', FrameKind.Json, '{"a":')],
    ['a word nobody knows', (m) => m.say({ type: 'Obey' })],
    ['a second hello', (m) => m.say(helloOf('m'))],
    ['bytes on telemetry', (m) => m.put('telemetry', FrameKind.Bytes, new Uint8Array(3))],
    ['a word on telemetry', (m) => m.put('telemetry', FrameKind.Word, '{"type":"Bye"}')],
    [
      'telemetry beyond its bound',
      (m) => m.put('telemetry', FrameKind.Json, `"${'x'.repeat(maxMessageBytes.telemetry)}"`),
    ],
  ];
  it.each(garbage)('%s: cut off and named', async (_, send) => {
    const { a, member } = await joined();
    send(member);
    await refusedAs(a, member, 'Lied');
  });

  it('a flood is cut off and named, and told so', async () => {
    const { a, member } = await joined();
    const frame = encodeFrame(FrameKind.Json, '{}');
    member.bytes('control', Buffer.concat(Array.from({ length: 100_000 }, () => frame)));
    await refusedAs(a, member, 'Flooded');
    expect(a.messages('control').length).toBeLessThan(60_000);
    expect(member.words.at(-1)).toMatchObject({ type: 'Refused', code: 'Flooded' });
  });

  it('one that does not read is cut off once the bound is reached', async () => {
    const a = await start('a');
    const member = await rawMember('m', a);
    await member.join('m');
    await a.untilPeers(1);
    for (const stream of member.connection.streams) stream.pause();
    const long = 'x'.repeat(1_000_000);
    let sent = 0;
    while (sent < 200 && a.network.send(idOf('m'), 'control', { long })) sent += 1;
    expect(sent).toBeLessThan(60);
    await refusedAs(a, member, 'Stalled');
  });

  it('telemetry for one that does not read is dropped, the oldest first, and it stays', async () => {
    const { a, member } = await joined();
    member.connection.streams.find(({ protocol }) => protocol.includes('telemetry'))?.pause();
    const before = process.memoryUsage().rss;
    for (let n = 0; n < 2_000; n += 1) {
      expect(a.network.send(idOf('m'), 'telemetry', { n, text: 'x'.repeat(100_000) })).toBe(true);
    }
    expect(process.memoryUsage().rss - before).toBeLessThan(150_000_000);
    expect(a.network.peers).toHaveLength(1);
  });

  it('one that connects and does not greet is hung up on', async () => {
    const a = await start('a');
    const member = await rawMember('m', a);
    await expect.poll(() => member.isClosed, soon).toBe(true);
    expect(a.log).toEqual([]);
  });

  it('messages before the welcome are none', async () => {
    const a = await start('a');
    const member = await rawMember('m', a);
    await member.open('control');
    member.put('control', FrameKind.Json, '{}');
    await expect.poll(() => member.isClosed, soon).toBe(true);
    expect(a.log).toEqual([]);
  });

  it('another version is refused with both versions in the words, on both sides', async () => {
    const a = await start('a');
    const member = await rawMember('m', a);
    await member.open('control');
    await member.open('telemetry');
    member.say(helloOf('m', { protocol: { oldest: 7, newest: 9 }, version: '9.9.9' }));
    await refusedAs(a, member, 'IncompatibleVersion');
    const told = member.words.at(-1);
    expect(told).toMatchObject({ type: 'Refused', code: 'IncompatibleVersion' });
    expect(JSON.stringify(told)).toMatch(/9\.9\.9.*7 to 9/);
  });
});
