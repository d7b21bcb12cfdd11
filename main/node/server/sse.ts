import type { ServerResponse } from 'node:http';
import type { ErrorAnswer } from '../../core/contract/rest.ts';
import { formatBytes, SECOND } from '../../core/unit.ts';
import type { Clock } from '../clock.ts';
import { streamError } from './http-error.ts';
import type { ServerLimits } from './limits.ts';

type SseLimits = Pick<ServerLimits, 'unsentBytes' | 'stallMs' | 'keepAliveMs'>;

/**
 * One stream of server-sent events, written straight to the socket: this is the token path.
 * What a slow reader has not taken is bounded in bytes and in time; beyond, the stream ends with an error.
 */
export class SseStream {
  readonly #outgoing: ServerResponse;
  readonly #clock: Clock;
  readonly #limits: SseLimits;
  readonly #onEnd: (reason: 'ClientLeft' | 'TooSlow') => void;
  #lastWriteAt: number;
  #cancelKeepAlive: () => void = () => {};
  #cancelStall: (() => void) | null = null;
  #open = true;

  /**
   * Sends the headers and the first keep-alive; where the client has left already, it is not `open` from the start.
   * @param init.onEnd called at most once, not after `end`
   */
  constructor(
    { outgoing, clock }: { readonly outgoing: ServerResponse; readonly clock: Clock },
    init: { readonly limits: SseLimits; readonly onEnd: (reason: 'ClientLeft' | 'TooSlow') => void },
  ) {
    this.#outgoing = outgoing;
    this.#clock = clock;
    this.#limits = init.limits;
    this.#onEnd = init.onEnd;
    this.#lastWriteAt = clock.monotonic();
    if (outgoing.destroyed) {
      this.#open = false;
      return;
    }
    outgoing.once('close', this.#onClose).on('drain', this.#onDrain);
    outgoing.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store, no-transform',
      'x-accel-buffering': 'no',
    });
    this.comment('keep-alive');
    this.#armKeepAlive(this.#limits.keepAliveMs);
  }

  get open(): boolean {
    return this.#open;
  }

  /** Whether the reader has not yet taken what was written. */
  get blocked(): boolean {
    return this.#outgoing.writableNeedDrain;
  }

  /** Writes ready-made lines. After the end of the stream: no effect. */
  write(lines: string): void {
    if (!this.#open) return;
    this.#lastWriteAt = this.#clock.monotonic();
    if (this.#outgoing.write(lines)) return;
    if (this.#outgoing.writableLength > this.#limits.unsentBytes) {
      this.#tooSlow(`more than ${formatBytes(this.#limits.unsentBytes)} waited to be read`);
      return;
    }
    this.#cancelStall ??= this.#clock.after(this.#limits.stallMs, () =>
      this.#tooSlow(`nothing was read for ${this.#limits.stallMs / SECOND} s`),
    );
  }

  comment(text: string): void {
    this.write(`: ${text}\n\n`);
  }

  /** Resolves when the reader has caught up or the stream is over; `stallMs` bounds the wait. */
  async drained(): Promise<void> {
    if (!this.#open || !this.blocked) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        this.#outgoing.off('drain', done).off('close', done);
        resolve();
      };
      this.#outgoing.once('drain', done).once('close', done);
    });
  }

  /** Ends with `last` as the final lines. May be called twice. */
  end(last = ''): void {
    if (!this.#open) return;
    this.#close();
    this.#outgoing.end(last);
    this.#dropUnlessRead();
  }

  /** Ends with an error that clients of OpenAI's API understand. */
  fail(error: ErrorAnswer): void {
    this.end(`data: ${JSON.stringify(error)}\n\ndata: [DONE]\n\n`);
  }

  #tooSlow(what: string): void {
    if (!this.#open) return;
    this.fail(streamError(`The stream was ended because its reader is too slow: ${what}.`));
    this.#onEnd('TooSlow');
  }

  readonly #onClose = (): void => {
    if (!this.#open) return;
    this.#close();
    this.#onEnd('ClientLeft');
  };

  readonly #onDrain = (): void => {
    this.#cancelStall?.();
    this.#cancelStall = null;
  };

  #close(): void {
    this.#open = false;
    this.#cancelKeepAlive();
    this.#onDrain();
    this.#outgoing.off('close', this.#onClose).off('drain', this.#onDrain);
  }

  /** A reader that never takes the end may not keep the connection for ever. */
  #dropUnlessRead(): void {
    const cancel = this.#clock.after(this.#limits.stallMs, () => this.#outgoing.destroy());
    this.#outgoing.once('close', cancel);
  }

  #armKeepAlive(delayMs: number): void {
    this.#cancelKeepAlive = this.#clock.after(delayMs, () => {
      const left = this.#lastWriteAt + this.#limits.keepAliveMs - this.#clock.monotonic();
      if (left > 0) {
        this.#armKeepAlive(left);
        return;
      }
      this.comment('keep-alive');
      this.#armKeepAlive(this.#limits.keepAliveMs);
    });
  }
}
