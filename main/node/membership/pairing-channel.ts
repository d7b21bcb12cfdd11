import type { Stream } from '@libp2p/interface';
import type { NodeId } from '../../core/id.ts';
import type { Clock } from '../clock.ts';

/** How long the talk of two nodes about one code may take, from its first byte to its last. */
export const PAIRING_TALK_MS = 10_000;

const LONGEST_MESSAGE_BYTES = 64 * 1024;
const HEADER_BYTES = 4;

/** The other side left, said nothing for too long, or sent what is no message. */
export class PairingBroken extends Error {
  override readonly name = 'PairingBroken';
}

/** JSON messages in turn with one node, which has proven that it knows the code and that the id is its own. */
export interface PairingChannel {
  readonly nodeId: NodeId;
  readonly remoteAddress: string;
  /** Throws `PairingBroken` when the other side is gone. */
  send(message: object): void;
  /** The next message, not parsed further. Rejects with `PairingBroken`. */
  receive(): Promise<unknown>;
  /** What was sent arrives, unless the other side is gone. May be called twice. */
  close(): Promise<void>;
}

/** Frames are `[u32 big endian length][JSON]`, at most 64 KiB; nothing is read ahead but one frame and what came with it. */
export function pairingChannel(
  components: { readonly clock: Clock },
  init: { readonly stream: Stream; readonly nodeId: NodeId; readonly remoteAddress: string },
): PairingChannel {
  const { stream, nodeId, remoteAddress } = init;
  stream.maxReadBufferLength = 2 * LONGEST_MESSAGE_BYTES;
  const bytes = stream[Symbol.asyncIterator]();
  let held = Buffer.alloc(0);
  const cancel = components.clock.after(PAIRING_TALK_MS, () =>
    stream.abort(new PairingBroken(`the other node did not answer within ${PAIRING_TALK_MS / 1_000} s`)),
  );
  const need = async (length: number): Promise<Buffer> => {
    while (held.length < length) {
      const next = await bytes.next().catch((error: unknown) => {
        throw new PairingBroken(error instanceof Error ? error.message : String(error));
      });
      if (next.done === true) throw new PairingBroken('the other node closed the connection');
      held = Buffer.concat([held, next.value.subarray()]);
    }
    const taken = held.subarray(0, length);
    held = held.subarray(length);
    return taken;
  };
  return {
    nodeId,
    remoteAddress,
    send(message) {
      const text = Buffer.from(JSON.stringify(message));
      const frame = Buffer.alloc(HEADER_BYTES + text.length);
      frame.writeUInt32BE(text.length);
      text.copy(frame, HEADER_BYTES);
      try {
        stream.send(frame);
      } catch (error) {
        throw new PairingBroken((error as Error).message, { cause: error });
      }
    },
    async receive() {
      const length = (await need(HEADER_BYTES)).readUInt32BE();
      if (length > LONGEST_MESSAGE_BYTES) throw new PairingBroken('the other node sent too much at once');
      const text = (await need(length)).toString();
      try {
        return JSON.parse(text) as unknown;
      } catch {
        throw new PairingBroken('the other node sent what is no message');
      }
    },
    async close() {
      cancel();
      await stream.close().catch(() => undefined);
    },
  };
}
