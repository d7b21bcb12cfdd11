import type { Connection, Stream } from '@libp2p/interface';
import type { NodeId } from '../../core/id.ts';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import { FrameKind } from './frame.ts';
import { protocolOf } from './libp2p-host.ts';
import { OPEN_DEADLINE_MS } from './limits.ts';
import { PeerStreamError, type PeerStream, type StreamPurpose } from './network.ts';
import type { PeerLinks } from './peer-links.ts';
import { FramedPeerStream } from './peer-stream.ts';
import { deadline } from './wait.ts';

interface PeerStreamsComponents {
  readonly clock: Clock;
  readonly log: Log;
  readonly links: PeerLinks;
}

/** Streams of one purpose each, to and from connected peers. */
export class PeerStreams {
  readonly #components: PeerStreamsComponents;
  readonly #handlers = new Map<StreamPurpose, (stream: PeerStream) => void>();

  constructor(components: PeerStreamsComponents) {
    this.#components = components;
  }

  handle(purpose: StreamPurpose, handler: (stream: PeerStream) => void): void {
    this.#handlers.set(purpose, handler);
  }

  /** As `PeerNetwork.open`. */
  async open(to: NodeId, purpose: StreamPurpose): Promise<PeerStream> {
    const link = this.#components.links.linkTo(to);
    if (link === undefined) throw new PeerStreamError('NotConnected', `${to} is not connected`);
    const limit = deadline(this.#components.clock, OPEN_DEADLINE_MS);
    try {
      const raw = await link.connection.newStream(protocolOf(purpose), { signal: limit.signal });
      const stream = this.#streamOver(raw, link.connection, to, purpose);
      const late = new Promise<never>((_, reject) => {
        limit.signal.addEventListener('abort', () => reject(limit.signal.reason as Error), { once: true });
      });
      await Promise.race([stream.taken, late]).catch((error: unknown) => {
        stream.abort('it was not taken');
        throw error;
      });
      return stream;
    } catch (error) {
      if (error instanceof PeerStreamError) throw error;
      if (limit.signal.aborted) {
        throw new PeerStreamError(
          'Stalled',
          `${to} did not take the stream within ${OPEN_DEADLINE_MS / 1000} s`,
        );
      }
      throw new PeerStreamError('Closed', `The connection with ${to} closed`);
    } finally {
      limit.clear();
    }
  }

  /** For a stream that another node opened here. */
  async serve(purpose: StreamPurpose, stream: Stream, connection: Connection): Promise<void> {
    const link = this.#components.links.linkOver(connection);
    if (link === undefined || (await link.outcome) !== undefined) {
      stream.abort(new Error('not connected'));
      return;
    }
    const served = this.#streamOver(stream, connection, link.nodeId, purpose);
    const handler = this.#handlers.get(purpose);
    served.answer(handler === undefined ? FrameKind.NotTaken : FrameKind.Taken);
    try {
      handler?.(served);
    } catch (error) {
      served.abort('it failed here');
      const about = error instanceof Error ? (error.stack ?? error.message) : String(error);
      this.#components.log.error('A stream of another node failed here; that is a bug in Skein', {
        error: about,
      });
    }
  }

  #streamOver(
    stream: Stream,
    connection: Connection,
    peer: NodeId,
    purpose: StreamPurpose,
  ): FramedPeerStream {
    const link = this.#components.links.linkOver(connection);
    return new FramedPeerStream(this.#components, {
      peer,
      purpose,
      stream,
      onHeard: () => link?.heard(),
      onGarbage: (problem) => {
        if (link !== undefined)
          this.#components.links.onMisbehaved(link, 'Lied', `It sent ${problem} on a ${purpose} stream`);
      },
    });
  }
}
