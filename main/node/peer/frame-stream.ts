import type { Stream } from '@libp2p/interface';
import type { Clock } from '../clock.ts';
import { encodeFrame, FrameDecoder, FrameError, type FrameKind } from './frame.ts';
import { maxMessageBytes, maxWaitingBytes } from './limits.ts';
import type { StreamKind } from './libp2p-host.ts';

/** Frames that wait are put together up to here: one call costs more than copying so much. */
const BATCH_BYTES = 64 * 1024;
/** Words of the peer layer are short, but a hello may list many members. */
const MIN_CONTENT_BYTES = 256 * 1024;
const READ_BUFFER_BYTES = 4 * 1024 * 1024;

export interface FrameStreamListener {
  /** `content` is only valid until the call returns. */
  readonly onFrame: (kind: FrameKind, content: Buffer) => void;
  /** Not a frame of ours; the stream is aborted. */
  readonly onGarbage: (problem: string) => void;
  /** The stream is over in both directions; told once. */
  readonly onClosed: () => void;
  /** Something was sent: there may be room. */
  readonly onRoom?: () => void;
}

/** Frames over one libp2p stream. What the other side does not take yet waits here, and is counted. */
export class FrameStream {
  readonly #clock: Clock;
  readonly #stream: Stream;
  readonly #kind: StreamKind;
  readonly #listener: FrameStreamListener;
  #queue: Buffer[] = [];
  #queuedBytes = 0;
  #pumping = false;
  #closed = false;
  #finishing = false;
  #blockedSince: number | undefined;

  constructor(
    components: { readonly clock: Clock },
    init: { readonly stream: Stream; readonly kind: StreamKind; readonly listener: FrameStreamListener },
  ) {
    this.#clock = components.clock;
    this.#stream = init.stream;
    this.#kind = init.kind;
    this.#listener = init.listener;
    const { stream } = init;
    stream.maxReadBufferLength = READ_BUFFER_BYTES;
    const decoder = new FrameDecoder({
      maxContentBytes: Math.max(maxMessageBytes[init.kind], MIN_CONTENT_BYTES),
    });
    stream.addEventListener('drain', () => this.#pump());
    stream.addEventListener('close', () => this.#end());
    stream.addEventListener('remoteCloseWrite', () => {
      if (!this.#finishing) this.abort('the other side closed it');
    });
    stream.addEventListener('message', ({ data }) => {
      try {
        for (const { kind, content } of decoder.take(data.subarray())) {
          if (this.#closed) return;
          this.#listener.onFrame(kind, content);
        }
      } catch (error) {
        if (!(error instanceof FrameError)) throw error;
        this.#listener.onGarbage(error.message);
        this.abort(error.message);
      }
    });
    if (stream.status !== 'open') queueMicrotask(() => this.#end());
  }

  /** Bytes that the other side has not taken. */
  get waitingBytes(): number {
    return this.#queuedBytes;
  }

  /** How long nothing could be sent although something waits, ms. */
  get blockedMs(): number {
    return this.#blockedSince === undefined ? 0 : this.#clock.monotonic() - this.#blockedSince;
  }

  /** False = the stream is closed. Sets no bound: the caller looks at `waitingBytes`. */
  write(kind: FrameKind, content: string | Uint8Array): boolean {
    if (this.#closed) return false;
    const frame = encodeFrame(kind, content);
    this.#queue.push(frame);
    this.#queuedBytes += frame.length;
    if (!this.#pumping) {
      this.#pumping = true;
      queueMicrotask(() => {
        this.#pumping = false;
        this.#pump();
      });
    }
    return true;
  }

  /** Gives up what waits longest until the bound of this kind is kept. */
  dropOldest(): void {
    while (this.#queuedBytes > maxWaitingBytes[this.#kind] && this.#queue.length > 1) {
      this.#queuedBytes -= this.#queue.shift()?.length ?? 0;
    }
  }

  pause(): void {
    if (!this.#closed) this.#stream.pause();
  }

  resume(): void {
    if (!this.#closed) this.#stream.resume();
  }

  /** Closes this direction once all is sent, without waiting for it. */
  finish(): void {
    this.#finishing = true;
    this.#pump();
  }

  /** May be called twice. */
  abort(reason: string): void {
    if (this.#closed) return;
    this.#stream.abort(new Error(reason));
    this.#end();
  }

  #pump(): void {
    let sent = false;
    while (!this.#closed && this.#queue.length > 0) {
      if (this.#stream.writableNeedsDrain) {
        this.#blockedSince ??= this.#clock.monotonic();
        break;
      }
      this.#blockedSince = undefined;
      try {
        this.#stream.send(this.#batch());
      } catch {
        this.abort('it can no longer be written to');
      }
      sent = true;
    }
    if (this.#queue.length === 0) {
      this.#blockedSince = undefined;
      if (this.#finishing && !this.#closed)
        void this.#stream.close().catch(() => this.abort('it did not close'));
    }
    if (sent) this.#listener.onRoom?.();
  }

  #batch(): Buffer {
    let count = 0;
    let bytes = 0;
    for (const frame of this.#queue) {
      if (count > 0 && bytes + frame.length > BATCH_BYTES) break;
      bytes += frame.length;
      count += 1;
    }
    const frames = this.#queue.splice(0, count);
    this.#queuedBytes -= bytes;
    return frames.length === 1 && frames[0] !== undefined ? frames[0] : Buffer.concat(frames, bytes);
  }

  #end(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#queue = [];
    this.#queuedBytes = 0;
    this.#listener.onRoom?.();
    this.#listener.onClosed();
  }
}
