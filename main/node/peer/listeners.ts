import type { NodeId } from '../../core/id.ts';
import type { Log } from '../log.ts';
import type { Channel, Peer, PeerListener } from './network.ts';

/** Those who want to know of peers. One that throws is reported and disturbs neither the others nor the network. */
export class Listeners {
  readonly #log: Log;
  readonly #listeners = new Set<PeerListener>();

  constructor(log: Log) {
    this.#log = log;
  }

  add(listener: PeerListener): () => void {
    const own = { ...listener };
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  connected(peer: Peer): void {
    this.#each((listener) => listener.onConnected?.(peer));
  }

  disconnected(nodeId: NodeId, reason: string): void {
    this.#each((listener) => listener.onDisconnected?.(nodeId, reason));
  }

  message(from: NodeId, channel: Channel, message: unknown): void {
    this.#each((listener) => listener.onMessage?.(from, channel, message));
  }

  #each(call: (listener: PeerListener) => void): void {
    for (const listener of [...this.#listeners]) {
      try {
        call(listener);
      } catch (error) {
        this.#log.error('A part of this node failed while it was told of a peer; that is a bug in Skein', {
          error: error instanceof Error ? (error.stack ?? error.message) : String(error),
        });
      }
    }
  }
}
