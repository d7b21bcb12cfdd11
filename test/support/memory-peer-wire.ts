import type { NodeId } from '../../main/core/id.ts';
import { Inbox } from '../../main/node/peer/inbox.ts';
import { maxMessageBytes, STALLED_AFTER_MS, STREAM_WINDOW_BYTES } from '../../main/node/peer/limits.ts';
import { PeerStreamError, type PeerStream, type StreamPurpose } from '../../main/node/peer/network.ts';
import type { Clock } from '../../main/node/clock.ts';

export interface WireEnd {
  readonly nodeId: NodeId;
}

/** What wires go through. */
export interface WireAir {
  readonly clock: Clock;
  readonly latencyMs: number;
  isSilenced(from: NodeId, to: NodeId): boolean;
}

/** One connection of two nodes. What one posts reaches the other in order, after the latency, unless the wire broke. */
export class Wire<End extends WireEnd> {
  readonly ends: readonly [End, End];
  readonly air: WireAir;
  readonly #queues = new Map<End, (() => void)[]>();
  readonly #watchers = new Set<(reason: string) => void>();
  #broken = false;

  constructor(air: WireAir, ends: readonly [End, End]) {
    this.air = air;
    this.ends = ends;
    for (const end of ends) this.#queues.set(end, []);
  }

  post(from: End, deliver: (to: End) => void): void {
    const to = this.ends[0] === from ? this.ends[1] : this.ends[0];
    if (this.#broken || this.air.isSilenced(from.nodeId, to.nodeId)) return;
    const queue = this.#queues.get(from) ?? [];
    queue.push(() => deliver(to));
    this.air.clock.after(this.air.latencyMs, () => {
      const next = queue.shift();
      if (!this.#broken) next?.();
    });
  }

  /** Told once, a moment after the break; at once when it is broken already. */
  onBreak(watcher: (reason: string) => void): () => void {
    if (this.#broken) watcher('It is closed');
    else this.#watchers.add(watcher);
    return () => void this.#watchers.delete(watcher);
  }

  /** What is under way is lost; both ends learn of it. */
  break(reason: string): void {
    if (this.#broken) return;
    this.#broken = true;
    this.air.clock.after(0, () => {
      for (const watcher of this.#watchers) watcher(reason);
    });
  }

  /** A goodbye: what was posted before arrives first. */
  leave(from: End, reason: string): void {
    this.post(from, () => this.break(reason));
    // A goodbye that can't arrive must not keep this end connected.
    this.air.clock.after(this.air.latencyMs, () => this.break(reason));
  }
}

interface Item {
  readonly bytes: number;
  readonly value: { readonly json: unknown } | { readonly bytes: Uint8Array };
}

class MemoryStream<End extends WireEnd> implements PeerStream {
  readonly peer: NodeId;
  readonly inbox: Inbox<Item['value']>;
  readonly #wire: Wire<End>;
  readonly #self: End;
  readonly #purpose: StreamPurpose;
  readonly #waiters = new Set<() => void>();
  other: MemoryStream<End> | undefined;
  #closedHere = false;
  #broken: PeerStreamError | undefined;
  #lastSent = Promise.resolve();
  #underWayBytes = 0;

  constructor(wire: Wire<End>, self: End, peer: NodeId, purpose: StreamPurpose) {
    this.#wire = wire;
    this.#self = self;
    this.#purpose = purpose;
    this.peer = peer;
    this.inbox = new Inbox(() => this.other?.stir());
    wire.onBreak((reason) => this.fail(new PeerStreamError('Closed', reason)));
  }

  get messages(): PeerStream['messages'] {
    return this.inbox;
  }

  send(message: object): Promise<void> {
    const text = JSON.stringify(message);
    return this.#queue({ bytes: Buffer.byteLength(text), value: { json: JSON.parse(text) as unknown } });
  }

  sendBytes(bytes: Uint8Array): Promise<void> {
    return this.#queue({ bytes: bytes.length, value: { bytes: Uint8Array.from(bytes) } });
  }

  async close(): Promise<void> {
    if (this.#closedHere || this.#broken !== undefined) return;
    this.#closedHere = true;
    await this.#lastSent.catch(() => undefined);
    this.#wire.post(this.#self, () => this.other?.inbox.end());
  }

  abort(reason: string): void {
    const error = new PeerStreamError('Closed', reason);
    this.fail(error);
    this.#wire.post(this.#self, () => this.other?.fail(error));
  }

  fail(error: PeerStreamError): void {
    this.#broken ??= error;
    this.inbox.fail(error);
    this.stir();
  }

  stir(): void {
    for (const waiter of this.#waiters) waiter();
  }

  #queue(item: Item): Promise<void> {
    if (item.bytes > maxMessageBytes[this.#purpose]) {
      return Promise.reject(
        new PeerStreamError('TooLarge', `${item.bytes} bytes are too many for ${this.#purpose}`),
      );
    }
    if (this.#closedHere) return Promise.reject(new PeerStreamError('Closed', 'This side closed the stream'));
    this.#lastSent = this.#lastSent.then(() => this.#whenRoom()).then(() => this.#post(item));
    this.#lastSent.catch(() => undefined);
    return this.#lastSent;
  }

  #post({ bytes, value }: Item): void {
    this.#underWayBytes += bytes;
    this.#wire.post(this.#self, () => {
      this.#underWayBytes -= bytes;
      this.other?.inbox.push(value, bytes);
    });
  }

  async #whenRoom(): Promise<void> {
    const { clock } = this.#wire.air;
    const deadline = clock.monotonic() + STALLED_AFTER_MS;
    while (this.#broken === undefined) {
      if (this.#underWayBytes + (this.other?.inbox.bytes ?? 0) < STREAM_WINDOW_BYTES) return;
      if (clock.monotonic() >= deadline) {
        this.abort('The other side does not read');
        throw new PeerStreamError('Stalled', 'The other side does not read');
      }
      await new Promise<void>((resolve) => {
        const done = (): void => {
          cancel();
          this.#waiters.delete(done);
          resolve();
        };
        const cancel = clock.after(deadline - clock.monotonic(), done);
        this.#waiters.add(done);
      });
    }
    throw this.#broken;
  }
}

/** Both ends of one stream, the opener's first. */
export function memoryStreams<End extends WireEnd>(
  wire: Wire<End>,
  opener: End,
  to: NodeId,
  purpose: StreamPurpose,
): readonly [PeerStream, PeerStream] {
  const far = wire.ends[0] === opener ? wire.ends[1] : wire.ends[0];
  const near = new MemoryStream(wire, opener, to, purpose);
  const other = new MemoryStream(wire, far, opener.nodeId, purpose);
  near.other = other;
  other.other = near;
  return [near, other];
}
