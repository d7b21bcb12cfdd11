import { afterEach, describe, expect, it } from 'vitest';
import type { NodeId } from '../../main/core/id.ts';
import { maxMessageBytes } from '../../main/node/peer/limits.ts';
import type { PeerNetwork, PeerStream } from '../../main/node/peer/network.ts';
import { PeerRecord } from '../support/peer-record.ts';

export interface NetworkSetup {
  /** The same letter is the same node id, in every process. */
  readonly who: string;
  readonly sessionId?: string;
  /** The same figure is the same cluster. */
  readonly key?: number;
  readonly peers?: readonly string[];
}

export interface PeerNetworkUnderTest {
  /** Not started; without discovery. Its name is `who`, its version 1.2.3. */
  readonly create: (setup: NetworkSetup) => PeerNetwork;
  readonly idOf: (who: string) => NodeId;
  readonly keyOf: (key: number) => Uint8Array;
  /** An address of this network where nobody listens. */
  readonly deadAddress: string;
}

const patience = { interval: 5, timeout: 60_000 };

/** What every `PeerNetwork` owes a node, as its interface says; not how long things take. */
export function peerNetworkSuite(name: string, subject: PeerNetworkUnderTest): void {
  const { idOf, keyOf } = subject;

  describe(name, () => {
    const running: PeerRecord[] = [];
    afterEach(async () => {
      await Promise.all(running.splice(0).map(({ network }) => network.stop()));
    });

    const start = async (setup: NetworkSetup): Promise<PeerRecord> => {
      const record = new PeerRecord(subject.create(setup));
      running.push(record);
      await record.network.start();
      return record;
    };
    /** The first is given nobody, the others its address. */
    const startAll = async (names: string): Promise<PeerRecord[]> => {
      const first = await start({ who: names[0]! });
      const peers = [first.address];
      const others = await Promise.all([...names.slice(1)].map((who) => start({ who, peers })));
      const records = [first, ...others];
      for (const record of records) await record.untilPeers(records.length - 1);
      return records;
    };
    const streamPair = async (): Promise<{ near: PeerStream; far: PeerStream; a: PeerRecord }> => {
      const [a, b] = (await startAll('ab')) as [PeerRecord, PeerRecord];
      const far = new Promise<PeerStream>((resolve) => b.network.handle('task', resolve));
      const near = await a.network.open(idOf('b'), 'task');
      return { near, far: await far, a };
    };

    it('three nodes that know one address become a mesh and learn who the others are', async () => {
      const records = await startAll('abc');
      for (const record of records) {
        const others = records.filter((other) => other !== record).map(({ network }) => network);
        expect(others).toHaveLength(2);
        expect(record.network.status.problem).toBeNull();
      }
      const seen = records[2]!.network.peers.find(({ nodeId }) => nodeId === idOf('a'));
      expect(seen).toMatchObject({ name: 'a', version: '1.2.3', sessionId: 'a-1' });
      expect(records[2]!.network.remembered).toEqual(expect.arrayContaining([idOf('a'), idOf('b')]));
      for (const record of records) expect(record.log.filter((line) => line.startsWith('+'))).toHaveLength(2);
    });

    it('messages arrive in order on each channel, both ways, as JSON', async () => {
      const [a, b] = (await startAll('ab')) as [PeerRecord, PeerRecord];
      for (let n = 0; n < 300; n += 1) {
        expect(a.network.send(idOf('b'), 'control', { n, text: 'ä\n', none: null })).toBe(true);
        expect(b.network.send(idOf('a'), 'control', { n })).toBe(true);
      }
      expect(a.network.send(idOf('b'), 'telemetry', { load: 0.5 })).toBe(true);
      await expect.poll(() => b.messages('control').length, patience).toBe(300);
      await expect.poll(() => a.messages('control').length, patience).toBe(300);
      await expect.poll(() => b.messages('telemetry'), patience).toEqual([{ load: 0.5 }]);
      expect(b.messages('control')[7]).toEqual({ n: 7, text: 'ä\n', none: null });
      expect(a.messages('control')).toEqual(Array.from({ length: 300 }, (_, n) => ({ n })));
    });

    it('a long message arrives whole, one over the bound is not sent', async () => {
      const [a, b] = (await startAll('ab')) as [PeerRecord, PeerRecord];
      const long = 'x'.repeat(Math.floor(0.9 * maxMessageBytes.control));
      expect(a.network.send(idOf('b'), 'control', { long })).toBe(true);
      expect(a.network.send(idOf('b'), 'control', { long: `${long}${long}` })).toBe(false);
      expect(a.network.send(idOf('b'), 'control', { end: true })).toBe(true);
      await expect.poll(() => b.messages('control').length, patience).toBe(2);
      expect((b.messages('control')[0] as { long: string }).long).toHaveLength(long.length);
    });

    it('nothing is sent to somebody who is not there', async () => {
      const a = await start({ who: 'a' });
      expect(a.network.send(idOf('b'), 'control', {})).toBe(false);
      await expect(a.network.open(idOf('b'), 'task')).rejects.toMatchObject({
        name: 'PeerStreamError',
        code: 'NotConnected',
      });
    });

    it('nodes with different cluster keys do not meet', async () => {
      const a = await start({ who: 'a', key: 1 });
      const b = await start({ who: 'b', key: 2, peers: [a.address] });
      expect(await b.network.dial(a.address)).toEqual({ problem: expect.any(String) });
      expect([a.log, b.log]).toEqual([[], []]);
    });

    it('stopping says goodbye: the others learn of it once, nothing comes after, and nothing can be sent', async () => {
      const [a, b] = (await startAll('ab')) as [PeerRecord, PeerRecord];
      b.network.send(idOf('a'), 'control', { last: true });
      await b.network.stop();
      await b.network.stop();
      await a.untilPeers(0);
      expect(a.log).toEqual(
        ['+b a-b', 'b control {"last":true}', '-b'].map((line) => line.replace('a-b', 'b-1')),
      );
      expect(a.network.send(idOf('b'), 'control', {})).toBe(false);
      expect(b.network.send(idOf('a'), 'control', {})).toBe(false);
    });

    it('a node that comes back is another session', async () => {
      const [a, b] = (await startAll('ab')) as [PeerRecord, PeerRecord];
      await b.network.stop();
      await start({ who: 'b', sessionId: 'b-2', peers: [a.address] });
      await expect.poll(() => a.log, patience).toEqual(['+b b-1', '-b', '+b b-2']);
    });

    it('who is cut off is named, learns of it, and does not come back at once', async () => {
      const [a, b] = (await startAll('ab')) as [PeerRecord, PeerRecord];
      a.network.cutOff(idOf('b'), 'Lied', 'It sent an entry without an index.');
      await a.untilPeers(0);
      await b.untilPeers(0);
      expect(a.network.status.refused).toMatchObject([
        { code: 'Lied', nodeId: idOf('b'), message: 'It sent an entry without an index.' },
      ]);
      expect(await b.network.dial(a.address)).toEqual({ problem: expect.any(String) });
      expect([a.log, b.log]).toEqual([
        ['+b b-1', '-b'],
        ['+a a-1', '-a'],
      ]);
    });

    it('the second of two running nodes with one id is refused on both sides and the first stays', async () => {
      const [a] = (await startAll('ab')) as [PeerRecord];
      const copy = await start({ who: 'b', sessionId: 'b-copy' });
      expect(await copy.network.dial(a.address)).toEqual({ problem: expect.stringContaining(idOf('b')) });
      expect(a.network.status.refused).toMatchObject([{ code: 'DuplicateNode', nodeId: idOf('b') }]);
      expect(copy.network.status.refused).toMatchObject([{ code: 'DuplicateNode', nodeId: idOf('b') }]);
      expect(a.network.peers).toMatchObject([{ sessionId: 'b-1' }]);
      expect(copy.log).toEqual([]);
    });

    it('dialling tells who answered, or why nobody did', async () => {
      const a = await start({ who: 'a' });
      const b = await start({ who: 'b' });
      expect(await b.network.dial(a.address)).toEqual({ nodeId: idOf('a') });
      expect(await b.network.dial(a.address)).toEqual({ nodeId: idOf('a') });
      expect(await b.network.dial(subject.deadAddress)).toEqual({ problem: expect.any(String) });
      expect(a.log).toEqual(['+b b-1']);
    });

    it('another key: leaves its peers and finds those of the new cluster, with the same listeners and handlers', async () => {
      const [a, b] = (await startAll('ab')) as [PeerRecord, PeerRecord];
      const other = await start({ who: 'c', key: 7, peers: [b.address] });
      b.network.handle('task', (stream) => void stream.close());
      await b.network.rekey(keyOf(7));
      await a.untilPeers(0);
      await other.network.dial(b.address);
      await expect.poll(() => b.log, patience).toEqual(['+a a-1', '-a', '+c c-1']);
      const stream = await other.network.open(idOf('b'), 'task');
      await expect(collect(stream)).resolves.toEqual([]);
      expect(a.network.peers).toEqual([]);
    });

    it('a removed node is parted with and not let in again', async () => {
      const [a, b] = (await startAll('ab')) as [PeerRecord, PeerRecord];
      a.network.forget(idOf('b'));
      await a.untilPeers(0);
      await b.untilPeers(0);
      expect(await b.network.dial(a.address)).toEqual({ problem: expect.any(String) });
      expect(a.log).toEqual(['+b b-1', '-b']);
      expect(a.network.remembered).toEqual([]);
    });

    it('a listener that throws does not disturb the others, one that left hears nothing more', async () => {
      const a = await start({ who: 'a' });
      a.network.subscribe({
        onConnected: () => {
          throw new Error('a bug');
        },
      });
      const heard: string[] = [];
      const unsubscribe = a.network.subscribe({ onConnected: ({ name }) => heard.push(name) });
      await start({ who: 'b', peers: [a.address] });
      await a.untilPeers(1);
      unsubscribe();
      await start({ who: 'c', peers: [a.address] });
      await a.untilPeers(2);
      expect(heard).toEqual(['b']);
      expect(a.log).toEqual(['+b b-1', '+c c-1']);
    });

    it('a stream carries JSON and bytes in order, both ways, until each side closes', async () => {
      const { near, far } = await streamPair();
      await near.send({ type: 'Start' });
      await near.sendBytes(Uint8Array.of(1, 2, 3));
      await near.send({ type: 'End' });
      await near.close();
      await near.close();
      expect(await collect(far)).toEqual([
        { json: { type: 'Start' } },
        { bytes: [1, 2, 3] },
        { json: { type: 'End' } },
      ]);
      await far.send({ answer: 42 });
      await far.close();
      expect(await collect(near)).toEqual([{ json: { answer: 42 } }]);
      await expect(near.send({})).rejects.toMatchObject({ code: 'Closed' });
    });

    it('an aborted stream throws on the other side and refuses to send', async () => {
      const { near, far } = await streamPair();
      near.abort('no longer wanted');
      near.abort('again');
      await expect(collect(far)).rejects.toMatchObject({ name: 'PeerStreamError', code: 'Closed' });
      await expect(near.send({})).rejects.toMatchObject({ code: 'Closed' });
      await expect(far.send({})).rejects.toMatchObject({ code: 'Closed' });
    });

    it('a stream breaks with its connection', async () => {
      const { near, far, a } = await streamPair();
      await a.network.stop();
      await expect(collect(far)).rejects.toMatchObject({ code: 'Closed' });
      await expect(collect(near)).rejects.toMatchObject({ code: 'Closed' });
    });

    it('a stream that nobody handles is refused; a message over the bound is refused and the stream goes on', async () => {
      const { near, far, a } = await streamPair();
      await expect(a.network.open(idOf('b'), 'bulk')).rejects.toMatchObject({ code: 'Refused' });
      await expect(near.sendBytes(new Uint8Array((1 << 20) + 1))).rejects.toMatchObject({ code: 'TooLarge' });
      await near.send({ after: true });
      await near.close();
      expect(await collect(far)).toEqual([{ json: { after: true } }]);
    });

    it('who sends waits for a slow reader, and nothing is lost', async () => {
      const { near, far } = await streamPair();
      const pieces = 64;
      let sent = 0;
      const sending = (async () => {
        for (let n = 0; n < pieces; n += 1) {
          await near.sendBytes(new Uint8Array(500_000).fill(n));
          sent += 1;
        }
        await near.close();
      })();
      await new Promise((resolve) => setTimeout(resolve, 400));
      expect(sent).toBeLessThan(pieces / 2);
      const got: number[] = [];
      for await (const message of far.messages) {
        if ('bytes' in message) got.push(message.bytes[0]! + message.bytes.length);
      }
      await sending;
      expect(got).toEqual(Array.from({ length: pieces }, (_, n) => n + 500_000));
    });
  });
}

/** Everything until the end; bytes as plain arrays. */
async function collect(stream: PeerStream): Promise<unknown[]> {
  const all: unknown[] = [];
  for await (const message of stream.messages) {
    all.push('bytes' in message ? { bytes: [...message.bytes] } : message);
  }
  return all;
}
