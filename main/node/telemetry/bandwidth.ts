import { randomBytes, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { z } from 'zod';
import { BulkRequest, ProbeWord } from '../../core/contract/peer-bulk.ts';
import { SECOND } from '../../core/unit.ts';
import type { Clock } from '../clock.ts';
import type { Startable } from '../lifecycle.ts';
import type { PeerNetwork, PeerStream } from '../peer/network.ts';
import type { BandwidthProbe } from './link-table.ts';
import type { ConnectionSample } from './links.ts';

export interface BandwidthComponents {
  readonly clock: Clock;
  readonly network: Pick<PeerNetwork, 'peers' | 'open' | 'handle'>;
}

const CHUNK = Buffer.alloc(256 * 1024);
const TOKEN_BYTES = 16;
/** How long one who was asked listens. */
const LISTEN_MS = 12 * SECOND;
/** Connections without the token that are turned away before it gives up. */
const MOST_STRANGERS = 4;

/**
 * Measures links over plain TCP between the addresses of the connection: the other node is asked over its `bulk` stream to
 * listen there for one connection that knows a token. One probe at a time is taken.
 */
export class Bandwidth implements BandwidthProbe, Startable {
  readonly #components: BandwidthComponents;
  #closeTaken: (() => void) | undefined;
  readonly #giveUp = new Set<() => void>();

  constructor(components: BandwidthComponents) {
    this.#components = components;
  }

  async start(): Promise<void> {
    this.#components.network.handle('bulk', (stream) => void this.#serve(stream));
  }

  /** Ends probes on both sides. May be called twice. */
  async stop(): Promise<void> {
    this.#closeTaken?.();
    for (const giveUp of [...this.#giveUp]) giveUp();
  }

  async transfer(connection: ConnectionSample, bytes: number, deadlineMs: number): Promise<number> {
    const { clock, network } = this.#components;
    const stream = await network.open(connection.nodeId, 'bulk');
    let socket: Socket | undefined;
    const { promise: late, reject } = Promise.withResolvers<never>();
    const giveUp = (): void => reject(new Error('the probe was given up'));
    const cancel = clock.after(deadlineMs, giveUp);
    this.#giveUp.add(giveUp);
    const work = async (): Promise<number> => {
      await stream.send({ type: 'Probe', bytes } satisfies z.infer<typeof BulkRequest>);
      const words = wordsOf(stream);
      const first = await nextOf(words, 'Listening');
      socket = connect({ host: connection.remoteAddress, port: first.port });
      // What goes wrong shows in the writes and in the word that does not come.
      socket.on('error', () => undefined);
      await once(socket, 'connect');
      socket.write(Buffer.from(first.token, 'hex'));
      const startedAt = clock.monotonic();
      const [, endedAt] = await Promise.all([
        sendAll(socket, bytes),
        nextOf(words, 'Received').then(() => clock.monotonic()),
      ]);
      return endedAt - startedAt;
    };
    try {
      return await Promise.race([work(), late]);
    } finally {
      cancel();
      this.#giveUp.delete(giveUp);
      socket?.destroy();
      stream.abort('the probe is over');
    }
  }

  async #serve(stream: PeerStream): Promise<void> {
    try {
      for await (const message of stream.messages) {
        const asked = BulkRequest.parse('json' in message ? message.json : undefined);
        await this.#take(stream, asked.bytes);
        return;
      }
    } catch {
      // Whoever asked is told by the end of the stream.
    } finally {
      stream.abort('the probe is over');
    }
  }

  async #take(stream: PeerStream, bytes: number): Promise<void> {
    const say = (word: z.infer<typeof ProbeWord>): Promise<void> => stream.send(word);
    const host = this.#components.network.peers.find(({ nodeId }) => nodeId === stream.peer)?.localAddress;
    if (host === undefined || this.#closeTaken !== undefined) return say({ type: 'Busy' });
    const token = randomBytes(TOKEN_BYTES);
    const { promise: done, resolve, reject } = Promise.withResolvers<void>();
    done.catch(() => undefined);
    const server = createServer();
    const sockets = new Set<Socket>();
    const close = (): void => {
      reject(new Error('the probe was given up'));
      for (const socket of sockets) socket.destroy();
      server.close();
    };
    const cancel = this.#components.clock.after(LISTEN_MS, close);
    this.#closeTaken = close;
    try {
      listenForOne(server, sockets, { token, bytes, done: resolve, failed: close });
      server.listen(0, host);
      await Promise.race([once(server, 'listening'), done]);
      const address = server.address();
      if (address === null || typeof address === 'string') return await say({ type: 'Busy' });
      await say({ type: 'Listening', port: address.port, token: token.toString('hex') });
      await done;
      await say({ type: 'Received' });
    } finally {
      cancel();
      this.#closeTaken = undefined;
      close();
    }
  }
}

function listenForOne(
  server: Server,
  sockets: Set<Socket>,
  init: {
    readonly token: Buffer;
    readonly bytes: number;
    readonly done: () => void;
    readonly failed: () => void;
  },
): void {
  let strangers = 0;
  server.on('error', init.failed);
  server.on('connection', (socket) => {
    sockets.add(socket);
    let head = Buffer.alloc(0);
    let known = false;
    let received = 0;
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    socket.on('data', (data: Buffer) => {
      received += data.length;
      if (!known) {
        head = Buffer.concat([head, data.subarray(0, TOKEN_BYTES - head.length)]);
        if (head.length < TOKEN_BYTES) return;
        if (!timingSafeEqual(head, init.token)) {
          socket.destroy();
          strangers += 1;
          if (strangers >= MOST_STRANGERS) init.failed();
          return;
        }
        known = true;
      }
      if (received >= init.bytes + TOKEN_BYTES) init.done();
    });
  });
}

async function sendAll(socket: Socket, bytes: number): Promise<void> {
  for (let left = bytes; left > 0; left -= CHUNK.length) {
    const chunk = left < CHUNK.length ? CHUNK.subarray(0, left) : CHUNK;
    if (!socket.write(chunk)) await once(socket, 'drain');
  }
}

async function* wordsOf(stream: PeerStream): AsyncGenerator<z.infer<typeof ProbeWord>, void> {
  for await (const message of stream.messages)
    yield ProbeWord.parse('json' in message ? message.json : undefined);
}

type WordOf<Type> = Extract<z.infer<typeof ProbeWord>, { readonly type: Type }>;

async function nextOf<Type extends z.infer<typeof ProbeWord>['type']>(
  words: AsyncGenerator<z.infer<typeof ProbeWord>, void>,
  type: Type,
): Promise<WordOf<Type>> {
  const { value } = await words.next();
  if (value?.type !== type) throw new Error(`the other node answered ${value?.type ?? 'nothing'}`);
  return value as WordOf<Type>;
}
