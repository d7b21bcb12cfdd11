import { z } from 'zod';
import type { NodeId } from '../../core/id.ts';
import { SECOND } from '../../core/unit.ts';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { PeerNetwork, PeerStream } from '../peer/network.ts';
import { clusterKeyOf, clusterKeyText } from './cluster-key.ts';

/** How long a member may take to store a new key. Who is later has to be paired again. */
const STORE_MS = 5 * SECOND;
/** A member that stored the key and hears nothing more goes on under it after this time. */
const SWITCH_MS = 2 * STORE_MS;

const Addresses = z.array(z.string().max(256)).max(256);

const NewKey = z.object({
  type: z.literal('NewKey'),
  key: z
    .string()
    .transform((text) => clusterKeyOf(text))
    .refine((key) => key !== undefined, 'must be 64 hexadecimal digits'),
  generation: z.int().min(1).max(1_000_000_000),
});

/** `addresses` are those of who says it. */
const KeyStored = z.object({ type: z.literal('KeyStored'), addresses: Addresses });

/** All go on under the new key, and meet at these addresses. */
const UseKey = z.object({ type: z.literal('UseKey'), addresses: Addresses });

export interface Rotated {
  readonly key: Uint8Array;
  readonly generation: number;
}

export type RotationNetwork = Pick<PeerNetwork, 'open' | 'handle' | 'status'>;

/**
 * Hands a new key to these members, over the connections that the old one protects. Two steps, so that all switch at
 * nearly the same moment: each stores it, then all are told to use it. Bounded.
 * @returns who has it now, and where the members can be dialled under it
 */
export async function spreadKey(
  components: { readonly clock: Clock; readonly log: Log; readonly network: RotationNetwork },
  init: { readonly rotated: Rotated; readonly to: readonly NodeId[] },
): Promise<{ readonly stored: readonly NodeId[]; readonly addresses: readonly string[] }> {
  const { network } = components;
  const { key, generation } = init.rotated;
  const own = network.status.listening;
  const told = await Promise.all(
    init.to.map(async (nodeId) => {
      let stream: PeerStream | undefined;
      try {
        stream = await network.open(nodeId, 'key');
        await stream.send({ type: 'NewKey', key: clusterKeyText(key), generation });
        const stored = KeyStored.parse(await next(components.clock, stream));
        return { nodeId, stream, addresses: stored.addresses };
      } catch (error) {
        const problem = error instanceof Error ? error.message : String(error);
        components.log.warn('A node did not take the new key of the cluster', { nodeId, problem });
        stream?.abort('no key was stored');
        return undefined;
      }
    }),
  );
  const stored = told.filter((each) => each !== undefined);
  const addresses = [...own, ...stored.flatMap((each) => each.addresses)].slice(0, 256);
  await Promise.all(
    stored.map(async ({ stream }) => {
      await stream.send({ type: 'UseKey', addresses }).catch(() => undefined);
      await stream.close().catch(() => undefined);
    }),
  );
  return { stored: stored.map(({ nodeId }) => nodeId), addresses };
}

/**
 * Takes new keys from other members.
 * @param init.store puts it on the disk; false or a throw = this node stays with the key it has
 * @param init.use goes on under what was stored
 */
export function acceptKeys(
  components: { readonly clock: Clock; readonly log: Log; readonly network: RotationNetwork },
  init: {
    readonly store: (from: NodeId, rotated: Rotated) => boolean;
    readonly use: (addresses: readonly string[]) => void;
  },
): void {
  const { clock, network } = components;
  const serve = async (stream: PeerStream): Promise<void> => {
    const { key, generation } = NewKey.parse(await next(clock, stream));
    if (!init.store(stream.peer, { key, generation })) {
      throw new Error('it is not newer than the key here');
    }
    let addresses: readonly string[] = [];
    try {
      await stream.send({ type: 'KeyStored', addresses: network.status.listening.slice(0, 32) });
      addresses = UseKey.parse(await next(clock, stream, SWITCH_MS)).addresses;
    } finally {
      init.use(addresses);
    }
  };
  network.handle('key', (stream) => {
    void serve(stream)
      .catch((error: unknown) => {
        const problem = error instanceof Error ? error.message : String(error);
        components.log.warn('A new key of the cluster was not taken', { from: stream.peer, problem });
      })
      .finally(() => void stream.close().catch(() => undefined));
  });
}

/** The next JSON message of a stream. */
async function next(clock: Clock, stream: PeerStream, withinMs: number = STORE_MS): Promise<unknown> {
  const cancel = clock.after(withinMs, () => stream.abort('no answer in time'));
  try {
    const messages = stream.messages[Symbol.asyncIterator]();
    const taken = await messages.next();
    if (taken.done === true || !('json' in taken.value)) throw new Error('the stream ended before a message');
    return taken.value.json;
  } finally {
    cancel();
  }
}
