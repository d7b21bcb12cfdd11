import type { Connection, Libp2p, Stream } from '@libp2p/interface';
import { multiaddr } from '@multiformats/multiaddr';
import type { PeerHello, PeerWord } from '../../main/core/contract/peer-hello.ts';
import { systemClock } from '../../main/node/clock.ts';
import { encodeFrame, FrameDecoder, FrameKind } from '../../main/node/peer/frame.ts';
import { protocolOf, startLibp2p, type StreamKind } from '../../main/node/peer/libp2p-host.ts';
import { identityOf, keyOf } from './real-peers.ts';

export const helloOf = (who: string, change: Partial<PeerHello> = {}): PeerHello => ({
  type: 'Hello',
  protocol: { oldest: 1, newest: 1 },
  version: '1.2.3',
  name: who,
  sessionId: `${who}-1`,
  addresses: [],
  members: [],
  observed: '127.0.0.1',
  ...change,
});

/** Has the cluster key, and sends whatever a test wants. It answers pings. */
export class RawMember {
  readonly words: PeerWord[] = [];
  readonly libp2p: Libp2p;
  readonly connection: Connection;
  readonly #streams = new Map<StreamKind, Stream>();

  private constructor(libp2p: Libp2p, connection: Connection) {
    this.libp2p = libp2p;
    this.connection = connection;
  }

  static async dial(who: string, address: string): Promise<RawMember> {
    const ignore = (): void => undefined;
    const libp2p = await startLibp2p(
      { clock: systemClock, identity: identityOf(who) },
      { clusterKey: keyOf(1), host: '127.0.0.1', port: 0, discovery: false },
      {
        onInbound: ignore,
        onStream: ignore,
        onFound: ignore,
        onDiscovery: ignore,
        onListenFailed: ignore,
      },
    );
    return new RawMember(libp2p, await libp2p.dial(multiaddr(address)));
  }

  get isClosed(): boolean {
    return this.connection.status !== 'open';
  }

  async open(kind: StreamKind): Promise<Stream> {
    const stream = await this.connection.newStream(protocolOf(kind));
    this.#streams.set(kind, stream);
    const decoder = new FrameDecoder({ maxContentBytes: 1 << 24 });
    stream.addEventListener('message', ({ data }) => {
      for (const frame of decoder.take(data.subarray())) {
        if (frame.kind !== FrameKind.Word) continue;
        const word = JSON.parse(frame.content.toString()) as PeerWord;
        this.words.push(word);
        if (word.type === 'Ping') this.say({ type: 'Pong', n: word.n });
      }
    });
    return stream;
  }

  /** Hello, welcome, both channels: a peer like any other. */
  async join(who: string): Promise<void> {
    await this.open('control');
    await this.open('telemetry');
    this.say(helloOf(who));
    this.say({ type: 'Welcome' });
  }

  say(word: PeerWord | object): void {
    this.put('control', FrameKind.Word, JSON.stringify(word));
  }

  put(kind: StreamKind, frame: FrameKind, content: string | Uint8Array): void {
    this.bytes(kind, encodeFrame(frame, content));
  }

  bytes(kind: StreamKind, bytes: Uint8Array): void {
    const stream = this.#streams.get(kind);
    if (stream?.status === 'open') stream.send(bytes);
  }
}
