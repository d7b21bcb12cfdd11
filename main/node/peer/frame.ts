/**
 * A frame is a u32 (big endian) that counts the bytes after it, one byte that says what it is, and its content.
 * `Word`: JSON of the peer layer itself. `End`: the sender closes its direction. `Taken`: the stream has a handler.
 */
export const FrameKind = { Json: 0, Bytes: 1, Word: 2, End: 3, Taken: 4, NotTaken: 5 } as const;
export type FrameKind = (typeof FrameKind)[keyof typeof FrameKind];

const HEADER_BYTES = 5;
const kinds: ReadonlySet<number> = new Set(Object.values(FrameKind));
const isKind = (kind: number): kind is FrameKind => kinds.has(kind);

export function encodeFrame(kind: FrameKind, content: string | Uint8Array): Buffer {
  const length = typeof content === 'string' ? Buffer.byteLength(content) : content.length;
  const frame = Buffer.allocUnsafe(HEADER_BYTES + length);
  frame.writeUInt32BE(length + 1);
  frame.writeUInt8(kind, 4);
  if (typeof content === 'string') frame.write(content, HEADER_BYTES);
  else frame.set(content, HEADER_BYTES);
  return frame;
}

/** Not a frame of ours, or a longer one than its stream allows. */
export class FrameError extends Error {
  override readonly name = 'FrameError';
}

/** Puts frames together from whatever pieces come. Holds at most one unfinished frame, plus the piece that came last. */
export class FrameDecoder {
  readonly #maxContentBytes: number;
  #pieces: Uint8Array[] = [];
  #bytes = 0;
  /** Of the frame that is being read, header included; known once its header is there. */
  #wanted = HEADER_BYTES;

  constructor(init: { readonly maxContentBytes: number }) {
    this.#maxContentBytes = init.maxContentBytes;
  }

  /** The frames that `piece` completes. Their content is only valid until the caller returns. Throws `FrameError`. */
  *take(piece: Uint8Array): Generator<{ readonly kind: FrameKind; readonly content: Buffer }> {
    this.#pieces.push(piece);
    this.#bytes += piece.length;
    while (this.#bytes >= this.#wanted) {
      const all = this.#join();
      const length = all.readUInt32BE(0);
      if (length === 0 || length - 1 > this.#maxContentBytes) {
        throw new FrameError(`a message of ${length - 1} bytes, where ${this.#maxContentBytes} are allowed`);
      }
      const kind = all.readUInt8(4);
      if (!isKind(kind)) throw new FrameError(`an unknown kind of message (${kind})`);
      const end = 4 + length;
      if (all.length < end) {
        this.#wanted = end;
        return;
      }
      this.#pieces = all.length === end ? [] : [all.subarray(end)];
      this.#bytes = all.length - end;
      this.#wanted = HEADER_BYTES;
      yield { kind, content: all.subarray(HEADER_BYTES, end) };
    }
  }

  #join(): Buffer {
    const [first] = this.#pieces;
    const all =
      this.#pieces.length === 1 && first !== undefined
        ? Buffer.from(first.buffer, first.byteOffset, first.length)
        : Buffer.concat(this.#pieces);
    this.#pieces = [all];
    return all;
  }
}
