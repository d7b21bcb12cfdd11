import type { z } from 'zod';
import type { PeerStream } from '../peer/network.ts';

/** Takes a stream's messages one by one. Every call throws what broke the stream, or what was wrong with the message. */
export class StreamReader {
  readonly #messages: AsyncIterator<{ readonly json: unknown } | { readonly bytes: Uint8Array }, unknown>;

  constructor(stream: Pick<PeerStream, 'messages'>) {
    this.#messages = stream.messages[Symbol.asyncIterator]();
  }

  /** Undefined = the other side says nothing more. */
  async word<Schema extends z.ZodType>(schema: Schema): Promise<z.infer<Schema> | undefined> {
    const next = await this.#messages.next();
    if (next.done === true) return undefined;
    const parsed = 'json' in next.value ? schema.safeParse(next.value.json) : undefined;
    if (parsed?.success !== true) throw new Error('it said what no Skein of this version says');
    return parsed.data;
  }

  async bytes(): Promise<Uint8Array> {
    const next = await this.#messages.next();
    if (next.done === true || !('bytes' in next.value))
      throw new Error('it did not bring the bytes that belong here');
    return next.value.bytes;
  }
}
