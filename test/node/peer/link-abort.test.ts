import type { Connection, Stream } from '@libp2p/interface';
import { expect, it } from 'vitest';
import { encodeFrame, FrameKind } from '../../../main/node/peer/frame.ts';
import { PeerLink, type LinkHost } from '../../../main/node/peer/peer-link.ts';
import { FramedPeerStream } from '../../../main/node/peer/peer-stream.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { helloOf } from '../../support/raw-member.ts';
import { idOf } from '../../support/real-peers.ts';

/** As much of a libp2p stream as frames need. */
class ScriptedStream extends EventTarget {
  readonly status = 'open';
  readonly writableNeedsDrain = false;
  isPaused = false;
  send(): void {}
  abort(): void {}
  pause(): void {
    this.isPaused = true;
  }
  resume(): void {
    this.isPaused = false;
  }
  receive(bytes: Buffer): void {
    this.dispatchEvent(Object.assign(new Event('message'), { data: bytes }));
  }
}

const word = (content: object): Buffer => encodeFrame(FrameKind.Word, JSON.stringify(content));

it.each<[string, object]>([
  ['goodbye', { type: 'Bye' }],
  ['why it refuses', { type: 'Refused', code: 'Surplus', message: 'There is another connection' }],
])(
  'a peer that says %s and is gone before it can be answered → the link ends, and its node lives',
  (_, said) => {
    let aborts = 0;
    const connection = Object.assign(new EventTarget(), {
      remotePeer: idOf('b'),
      remoteAddr: '/ip4/127.0.0.1/tcp/4001',
      abort: () => {
        aborts += 1;
        if (aborts === 1) throw new Error('Cannot write to a stream that is closed');
      },
    });
    const ends: string[] = [];
    const host: Partial<LinkHost> = {
      hello: () => helloOf('a'),
      onEnded: (_link, { reason }) => ends.push(reason),
    };
    const link = new PeerLink(
      { clock: new FakeClock(), host: host as LinkHost },
      { connection: connection as unknown as Connection, isOutbound: false },
    );
    const control = new ScriptedStream();
    link.attach('control', control as unknown as Stream);
    control.receive(word(said));
    expect({ aborts, ends: ends.length, state: link.state }).toEqual({ aborts: 2, ends: 1, state: 'Ended' });
  },
);

it('a peer sends empty messages that nobody reads → it is held back like one that sends long ones', () => {
  const stream = new ScriptedStream();
  new FramedPeerStream(
    { clock: new FakeClock() },
    {
      peer: idOf('b'),
      purpose: 'bulk',
      stream: stream as unknown as Stream,
      onHeard: () => undefined,
      onGarbage: () => undefined,
    },
  );
  const empty = encodeFrame(FrameKind.Bytes, '');
  stream.receive(Buffer.concat(Array.from({ length: 20_000 }, () => empty)));
  expect(stream.isPaused).toBe(true);
});
