import type { Stream } from '@libp2p/interface';
import { unreachable } from '../../core/result.ts';
import type { NodeId } from '../../core/id.ts';
import type { Clock } from '../clock.ts';
import { FrameKind } from './frame.ts';
import { FrameStream } from './frame-stream.ts';
import { Inbox } from './inbox.ts';
import { maxMessageBytes, maxWaitingBytes, STALLED_AFTER_MS, STREAM_WINDOW_BYTES } from './limits.ts';
import { PeerStreamError, type PeerStream, type StreamPurpose } from './network.ts';

/** What a message takes of the memory besides its content: empty ones must not come without end. */
const MESSAGE_BYTES = 128;

type Message = { readonly json: unknown } | { readonly bytes: Uint8Array };

/** A `PeerStream` over a libp2p stream. The opener's waits in `taken` for the other side to accept it. */
export class FramedPeerStream implements PeerStream {
  readonly peer: NodeId;
  /** Rejects with `Refused` or `Closed`. */
  readonly taken: Promise<void>;
  readonly #clock: Clock;
  readonly #purpose: StreamPurpose;
  readonly #frames: FrameStream;
  readonly #inbox: Inbox<Message>;
  readonly #waiters = new Set<() => void>();
  readonly #taken = Promise.withResolvers<void>();
  #paused = false;
  #lastSent: Promise<void> = Promise.resolve();
  #closedHere = false;
  #closedThere = false;
  #broken: PeerStreamError | undefined;

  constructor(
    components: { readonly clock: Clock },
    init: {
      readonly peer: NodeId;
      readonly purpose: StreamPurpose;
      readonly stream: Stream;
      /** Any frame is a sign of life. */
      readonly onHeard: () => void;
      readonly onGarbage: (problem: string) => void;
    },
  ) {
    this.#clock = components.clock;
    this.peer = init.peer;
    this.#purpose = init.purpose;
    this.taken = this.#taken.promise;
    this.taken.catch(() => undefined);
    this.#inbox = new Inbox((bytesLeft) => this.#makeRoom(bytesLeft));
    this.#frames = new FrameStream(components, {
      stream: init.stream,
      kind: init.purpose,
      listener: {
        onFrame: (kind, content) => {
          init.onHeard();
          this.#onFrame(kind, content, init.onGarbage);
        },
        onGarbage: init.onGarbage,
        onClosed: () => this.#fail(new PeerStreamError('Closed', 'The stream or its connection was closed')),
        onRoom: () => this.#stir(),
      },
    });
  }

  get messages(): AsyncIterable<Message> {
    return this.#inbox;
  }

  /** The answer to the opener. */
  answer(kind: typeof FrameKind.Taken | typeof FrameKind.NotTaken): void {
    this.#frames.write(kind, '');
    if (kind === FrameKind.NotTaken) void this.close();
  }

  send(message: object): Promise<void> {
    return this.#queue(FrameKind.Json, JSON.stringify(message));
  }

  sendBytes(bytes: Uint8Array): Promise<void> {
    return this.#queue(FrameKind.Bytes, bytes);
  }

  async close(): Promise<void> {
    if (this.#closedHere || this.#broken !== undefined) return;
    this.#closedHere = true;
    await this.#lastSent.catch(() => undefined);
    this.#frames.write(FrameKind.End, '');
    this.#finish();
  }

  abort(reason: string): void {
    this.#fail(new PeerStreamError('Closed', reason));
    this.#frames.abort(reason);
  }

  #onFrame(kind: FrameKind, content: Buffer, onGarbage: (problem: string) => void): void {
    switch (kind) {
      case FrameKind.Json:
        try {
          this.#take({ json: JSON.parse(content.toString()) as unknown }, content.length);
        } catch {
          onGarbage('a message that is no JSON');
          this.abort('The other side sent what is no message');
        }
        return;
      case FrameKind.Bytes:
        return this.#take({ bytes: Uint8Array.from(content) }, content.length);
      case FrameKind.End:
        this.#closedThere = true;
        this.#inbox.end();
        return this.#finish();
      case FrameKind.Taken:
        return this.#taken.resolve();
      case FrameKind.NotTaken:
        this.#taken.reject(
          new PeerStreamError('Refused', `${this.peer} takes no ${this.#purpose} streams now`),
        );
        return;
      case FrameKind.Word:
        return onGarbage('a word of the connection on a stream');
      default:
        return unreachable(kind);
    }
  }

  #take(message: Message, bytes: number): void {
    this.#inbox.push(message, bytes + MESSAGE_BYTES);
    if (this.#inbox.bytes < STREAM_WINDOW_BYTES || this.#paused) return;
    this.#paused = true;
    this.#frames.pause();
  }

  #makeRoom(bytesLeft: number): void {
    if (!this.#paused || bytesLeft > STREAM_WINDOW_BYTES / 2) return;
    this.#paused = false;
    this.#frames.resume();
  }

  #queue(kind: FrameKind, content: string | Uint8Array): Promise<void> {
    const bytes = typeof content === 'string' ? Buffer.byteLength(content) : content.length;
    if (bytes > maxMessageBytes[this.#purpose]) {
      return Promise.reject(
        new PeerStreamError('TooLarge', `${bytes} bytes are too many for one ${this.#purpose} message`),
      );
    }
    if (this.#closedHere) return Promise.reject(new PeerStreamError('Closed', 'This side closed the stream'));
    this.#lastSent = this.#lastSent
      .then(() => this.#whenRoom())
      .then(() => void this.#frames.write(kind, content));
    this.#lastSent.catch(() => undefined);
    return this.#lastSent;
  }

  async #whenRoom(): Promise<void> {
    const clock = this.#clock;
    const deadline = clock.monotonic() + STALLED_AFTER_MS;
    for (;;) {
      if (this.#broken !== undefined) throw this.#broken;
      if (this.#frames.waitingBytes < maxWaitingBytes[this.#purpose]) return;
      const left = deadline - clock.monotonic();
      if (left <= 0) {
        const stalled = new PeerStreamError('Stalled', 'The other side does not read');
        this.#fail(stalled);
        this.#frames.abort(stalled.message);
        throw stalled;
      }
      await new Promise<void>((resolve) => {
        const done = (): void => {
          cancel();
          this.#waiters.delete(done);
          resolve();
        };
        const cancel = clock.after(left, done);
        this.#waiters.add(done);
      });
    }
  }

  #stir(): void {
    for (const waiter of [...this.#waiters]) waiter();
  }

  /** Both sides said that nothing more comes. */
  #finish(): void {
    if (!this.#closedHere || !this.#closedThere || this.#broken !== undefined) return;
    this.#broken = new PeerStreamError('Closed', 'Both sides closed the stream');
    this.#frames.finish();
  }

  #fail(error: PeerStreamError): void {
    this.#broken ??= error;
    this.#taken.reject(error);
    this.#inbox.fail(error);
    this.#stir();
  }
}
