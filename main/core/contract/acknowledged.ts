/** What goes over a channel of messages: a text, or of how many characters of texts the other end is done. */
export type AcknowledgedMessage = string | number;

export interface AcknowledgedInit {
  readonly post: (message: AcknowledgedMessage) => void;
  readonly onText: (text: string) => void;
  /** Neither a text nor a number of characters that were sent. */
  readonly onStrange: () => void;
  /** Everything sent was taken. */
  readonly onDrained: () => void;
  /** Calls once, when this turn is over: many texts then cost one answer. */
  readonly soon: (call: () => void) => void;
}

/**
 * Texts over a channel that neither tells how far its other end is nor holds back (a MessagePort between processes): each
 * end says what it took, so that the sender knows what waits.
 */
export class Acknowledged {
  readonly #init: AcknowledgedInit;
  #waiting = 0;
  /** Characters taken since the last answer. */
  #taken = 0;

  constructor(init: AcknowledgedInit) {
    this.#init = init;
  }

  /** Characters sent that the other end has not taken. */
  get waiting(): number {
    return this.#waiting;
  }

  send(text: string): void {
    this.#waiting += text.length;
    this.#init.post(text);
  }

  receive(message: unknown): void {
    if (typeof message === 'string') {
      if (this.#taken === 0) this.#init.soon(() => this.#answer());
      this.#taken += message.length;
      this.#init.onText(message);
    } else if (typeof message === 'number' && message >= 0 && message <= this.#waiting) {
      this.#waiting -= message;
      if (this.#waiting === 0) this.#init.onDrained();
    } else {
      this.#init.onStrange();
    }
  }

  #answer(): void {
    this.#init.post(this.#taken);
    this.#taken = 0;
  }
}
