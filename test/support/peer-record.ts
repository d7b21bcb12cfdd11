import { expect } from 'vitest';
import type { Channel, PeerNetwork } from '../../main/node/peer/network.ts';

/** A network and all that it told, in order: `+name session`, `-name`, `name channel json`. */
export class PeerRecord {
  readonly network: PeerNetwork;
  readonly log: string[] = [];
  readonly reasons: string[] = [];
  readonly #messages: { readonly channel: Channel; readonly message: unknown }[] = [];

  constructor(network: PeerNetwork) {
    this.network = network;
    const names = new Map<string, string>();
    network.subscribe({
      onConnected: ({ nodeId, name, sessionId }) => {
        names.set(nodeId, name);
        this.log.push(`+${name} ${sessionId}`);
      },
      onDisconnected: (nodeId, reason) => {
        this.log.push(`-${names.get(nodeId)}`);
        this.reasons.push(reason);
      },
      onMessage: (from, channel, message) => {
        const text = JSON.stringify(message);
        this.log.push(`${names.get(from)} ${channel} ${text.length > 200 ? '…' : text}`);
        this.#messages.push({ channel, message });
      },
    });
  }

  /** One that others on this machine can dial. */
  get address(): string {
    return this.network.status.listening[0] ?? '';
  }

  messages(channel: Channel): unknown[] {
    return this.#messages.filter((entry) => entry.channel === channel).map(({ message }) => message);
  }

  async untilPeers(count: number): Promise<void> {
    const peers = (): number => this.network.peers.length;
    await expect.poll(peers, { interval: 5, timeout: 8_000 }).toBe(count);
  }
}
