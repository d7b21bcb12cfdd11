import type { Clock } from '../clock.ts';
import type { Rate } from './limits.ts';

/** Two token buckets, of messages and of bytes. */
export class RateGuard {
  readonly #clock: Clock;
  readonly #rate: Rate;
  #messages: number;
  #bytes: number;
  #at: number;

  constructor(components: { readonly clock: Clock }, init: { readonly rate: Rate }) {
    this.#clock = components.clock;
    this.#rate = init.rate;
    this.#messages = init.rate.messageBurst;
    this.#bytes = init.rate.byteBurst;
    this.#at = components.clock.monotonic();
  }

  /** Counts one message; false = that was more than allowed. */
  allows(bytes: number): boolean {
    const now = this.#clock.monotonic();
    const seconds = (now - this.#at) / 1000;
    this.#at = now;
    const { messagesPerS, messageBurst, bytesPerS, byteBurst } = this.#rate;
    this.#messages = Math.min(messageBurst, this.#messages + seconds * messagesPerS) - 1;
    this.#bytes = Math.min(byteBurst, this.#bytes + seconds * bytesPerS) - bytes;
    return this.#messages >= 0 && this.#bytes >= 0;
  }
}
