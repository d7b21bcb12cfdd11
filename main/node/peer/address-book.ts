import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import { NodeId } from '../../core/id.ts';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import { withoutPeerId } from './address.ts';
import { MAX_ADDRESSES_PER_NODE, MAX_REMEMBERED } from './limits.ts';

/** Short, since who is killed before remembers nobody; some, since addresses come in groups. */
const SAVE_AFTER_MS = 50;
const MAX_GIVEN = 32;

const Saved = z.object({
  version: z.literal(1),
  /** Fingerprint of the key of the cluster that these are members of. */
  cluster: z.string(),
  given: z.array(z.string().max(512)).max(MAX_GIVEN),
  nodes: z
    .array(z.object({ nodeId: NodeId, addresses: z.array(z.string().max(256)).max(MAX_ADDRESSES_PER_NODE) }))
    .max(MAX_REMEMBERED),
});

/**
 * Members of this cluster and where each was last reached, newest first, kept in a file over restarts. A file that can't
 * be read is begun anew; one that can't be written costs only the memory of it.
 */
export class AddressBook {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #path: string | undefined;
  #cluster: string;
  readonly #nodes = new Map<NodeId, readonly string[]>();
  /** What was heard in the network and nobody vouches for: never saved, never passed on. */
  readonly #hints = new Map<NodeId, readonly string[]>();
  #given: string[];
  #cancelSave: (() => void) | undefined;

  /** @param init.given multiaddrs that people named; they are kept also where nobody answers */
  constructor(
    components: { readonly clock: Clock; readonly log: Log },
    init: { readonly path: string | undefined; readonly cluster: string; readonly given: readonly string[] },
  ) {
    this.#clock = components.clock;
    this.#log = components.log;
    this.#path = init.path;
    this.#cluster = init.cluster;
    this.#given = [];
    const saved = this.#load();
    for (const address of [...(saved?.given ?? []), ...init.given]) this.give(address);
    if (saved?.cluster !== init.cluster) return;
    for (const { nodeId, addresses } of saved.nodes) this.#nodes.set(nodeId, addresses);
  }

  get nodeIds(): readonly NodeId[] {
    return [...this.#nodes.keys()];
  }

  get given(): readonly string[] {
    return this.#given;
  }

  /** Where members say that it is, or it was reached. */
  addressesOf(nodeId: NodeId): readonly string[] {
    return this.#nodes.get(nodeId) ?? [];
  }

  /** These, and where it was announced to be. */
  placesOf(nodeId: NodeId): readonly string[] {
    return [...new Set([...(this.#hints.get(nodeId) ?? []), ...this.addressesOf(nodeId)])];
  }

  /** Who is known to be there; undefined = nobody. */
  nodeAt(address: string): NodeId | undefined {
    const place = withoutPeerId(address);
    return this.nodeIds.find((nodeId) => this.placesOf(nodeId).includes(place));
  }

  /** Somebody announces it there. @returns who was dropped for it; undefined = nobody */
  hint(nodeId: NodeId, addresses: readonly string[]): NodeId | undefined {
    this.#hints.delete(nodeId);
    this.#hints.set(nodeId, addresses.map(withoutPeerId).slice(0, MAX_ADDRESSES_PER_NODE));
    const [oldest] = this.#hints.keys();
    if (this.#hints.size <= MAX_REMEMBERED || oldest === undefined) return undefined;
    this.#hints.delete(oldest);
    return this.#nodes.has(oldest) ? undefined : oldest;
  }

  /** @param named by a person: then it takes the place of another one where there is none left */
  give(address: string, named = true): void {
    if (this.#given.includes(address) || (!named && this.#given.length >= MAX_GIVEN)) return;
    this.#given = [...this.#given, address].slice(-MAX_GIVEN);
    this.#saveSoon();
  }

  /** Adds addresses of a member, in front of those known. False = that node is new and there is no more place. */
  learn(nodeId: NodeId, addresses: readonly string[]): boolean {
    const known = this.#nodes.get(nodeId);
    if (known === undefined && this.#nodes.size >= MAX_REMEMBERED) return false;
    const all = [...new Set([...addresses.map(withoutPeerId), ...(known ?? [])])];
    const kept = all.slice(0, MAX_ADDRESSES_PER_NODE);
    if (known !== undefined && kept.length === known.length && kept.every((one, n) => one === known[n])) {
      return true;
    }
    this.#nodes.set(nodeId, kept);
    this.#saveSoon();
    return true;
  }

  forget(nodeId: NodeId): void {
    if (this.#nodes.delete(nodeId)) this.#saveSoon();
  }

  /** Another cluster has other members; what people named stays. */
  change(cluster: string): void {
    this.#cluster = cluster;
    this.#nodes.clear();
    this.#hints.clear();
    this.#saveSoon();
  }

  /** Writes what is not written yet. */
  close(): void {
    if (this.#cancelSave !== undefined) this.#save();
  }

  #load(): z.infer<typeof Saved> | undefined {
    if (this.#path === undefined) return undefined;
    try {
      return Saved.parse(JSON.parse(readFileSync(this.#path, 'utf8')));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      this.#log.warn('The addresses of other nodes can not be read and are found anew', { path: this.#path });
      return undefined;
    }
  }

  #saveSoon(): void {
    if (this.#path !== undefined) this.#cancelSave ??= this.#clock.after(SAVE_AFTER_MS, () => this.#save());
  }

  #save(): void {
    this.#cancelSave?.();
    this.#cancelSave = undefined;
    if (this.#path === undefined) return;
    const nodes = [...this.#nodes].map(([nodeId, addresses]) => ({ nodeId, addresses: [...addresses] }));
    const saved: z.input<typeof Saved> = { version: 1, cluster: this.#cluster, given: this.#given, nodes };
    try {
      writeFileSync(`${this.#path}.new`, JSON.stringify(saved, undefined, 2), { mode: 0o600 });
      renameSync(`${this.#path}.new`, this.#path);
    } catch (error) {
      this.#log.warn(
        'The addresses of other nodes can not be saved; after a restart they are looked for again',
        {
          path: this.#path,
          problem: (error as Error).message,
        },
      );
    }
  }
}
