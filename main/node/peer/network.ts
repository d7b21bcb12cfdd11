import type { NodeId } from '../../core/id.ts';
import type { Startable } from '../lifecycle.ts';

/**
 * Long-lived ordered streams between each two nodes, one per channel: election, log, commands and reports on `control`;
 * what is worth nothing once it is old on `telemetry`.
 */
export type Channel = 'control' | 'telemetry';

/** What a stream of its own is opened for: one task's tokens; bulk such as snapshots, probes and model files; a new cluster key; the side channel of a rank. */
export type StreamPurpose = 'task' | 'bulk' | 'key' | 'side';

/** A member of this cluster that said hello over a mutually authenticated connection. */
export interface Peer {
  readonly nodeId: NodeId;
  /** For people. */
  readonly name: string;
  /** Of its Skein. */
  readonly version: string;
  /** Of its process: another one means that it was restarted. */
  readonly sessionId: string;
  /** IP addresses in use at both ends, without ports. */
  readonly localAddress: string;
  readonly remoteAddress: string;
  /** Median of the recent round trips, ms; null = none measured yet. */
  readonly roundTripMs: number | null;
}

export interface PeerListener {
  /** Control and telemetry streams of it are open; messages follow in order. */
  readonly onConnected?: (peer: Peer) => void;
  /** Its connection is closed and one redial failed, or it was cut off. One call per `onConnected`. */
  readonly onDisconnected?: (nodeId: NodeId, reason: string) => void;
  /** JSON as it came, at most `maxMessageBytes`; the listener parses it with its schema, and calls `cutOff` on a lie. */
  readonly onMessage?: (from: NodeId, channel: Channel, message: unknown) => void;
}

/**
 * `NotConnected`: there is no such peer now. `Closed`: the stream or its connection ended. `Stalled`: the other side does
 * not read, or did not answer in time. `TooLarge`: one message over the bound of its purpose. `Refused`: it takes no such stream.
 */
export type PeerStreamErrorCode = 'NotConnected' | 'Closed' | 'Stalled' | 'TooLarge' | 'Refused';

export class PeerStreamError extends Error {
  override readonly name = 'PeerStreamError';
  readonly code: PeerStreamErrorCode;

  constructor(code: PeerStreamErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** A stream of one purpose to one peer. Ends with its connection. */
export interface PeerStream {
  readonly peer: NodeId;
  /** Resolves when there is room for more; rejects with `PeerStreamError` when the stream is closed or stalls too long. */
  send(message: object): Promise<void>;
  sendBytes(bytes: Uint8Array): Promise<void>;
  /** JSON messages or bytes in their order; ends when the other side closes, throws `PeerStreamError` when it broke. */
  readonly messages: AsyncIterable<{ readonly json: unknown } | { readonly bytes: Uint8Array }>;
  /** Says that nothing more comes from here. May be called twice. */
  close(): Promise<void>;
  /** Ends both directions at once. May be called twice. */
  abort(reason: string): void;
}

/** A node that was not let in, or that this node could not join with, and why; for people and `skein doctor`. */
export interface RefusedPeer {
  readonly code:
    'IncompatibleVersion' | 'DuplicateNode' | 'Flooded' | 'Stalled' | 'Lied' | 'Unreachable' | 'Removed';
  /** Null where the other side did not come as far as to say who it is. */
  readonly nodeId: NodeId | null;
  readonly address: string;
  readonly message: string;
  /** Epoch ms of the last time. */
  readonly at: number;
}

export interface NetworkStatus {
  /** Multiaddrs that others can dial, peer id included. */
  readonly listening: readonly string[];
  /** Why this node does not listen or can't find others, in words for people; null = all is well. */
  readonly problem: string | null;
  readonly discovery: 'On' | 'Off' | 'Failed';
  /** Newest last, bounded. */
  readonly refused: readonly RefusedPeer[];
}

/** The other nodes of this cluster, as this node reaches them. */
export interface PeerNetwork extends Startable {
  readonly peers: readonly Peer[];
  readonly status: NetworkStatus;
  /** Nodes remembered from earlier: the election waits for them at start. */
  readonly remembered: readonly NodeId[];
  subscribe(listener: PeerListener): () => void;
  /**
   * In order per peer and channel. False when there is no connection. A peer that does not read: telemetry is dropped,
   * on `control` the peer is cut off as `Stalled` once the bound is reached.
   */
  send(to: NodeId, channel: Channel, message: object): boolean;
  /** Cuts the connection, names the reason in `status.refused`, and lets it come back only after a while. */
  cutOff(nodeId: NodeId, code: RefusedPeer['code'], message: string): void;
  /** Rejects with `PeerStreamError` when it is not connected or the deadline passes. */
  open(to: NodeId, purpose: StreamPurpose): Promise<PeerStream>;
  /** At most one handler per purpose. */
  handle(purpose: StreamPurpose, handler: (stream: PeerStream) => void): void;
  /**
   * Dials this multiaddr and keeps it. Resolves to who answered, or why nobody did.
   * @param init.named a person named it (default): where there is no more place, it takes that of another one
   */
  dial(
    address: string,
    init?: { readonly named?: boolean },
  ): Promise<{ readonly nodeId: NodeId } | { readonly problem: string }>;
  /** Leaves all peers and goes on under another key (pairing, leaving, rotation). `subscribe` and `handle` stay. */
  rekey(clusterKey: Uint8Array): Promise<void>;
  /** A removed node: neither dialled nor let in. */
  forget(nodeId: NodeId): void;
}
