import type { NodeId } from '../../core/id.ts';
import type { Clock } from '../clock.ts';
import { MAX_REFUSED, PENALTY_MS } from './limits.ts';
import type { RefusedPeer } from './network.ts';

/** Who is not let in, for how long and why. */
export class Refusals {
  readonly #clock: Clock;
  readonly #removed = new Set<NodeId>();
  readonly #barred = new Map<NodeId, { readonly until: number; readonly code: RefusedPeer['code'] }>();
  readonly #refused: RefusedPeer[] = [];

  constructor(components: { readonly clock: Clock }) {
    this.#clock = components.clock;
  }

  /** Newest last. One entry for each node (or address of nobody known) and code. */
  get list(): readonly RefusedPeer[] {
    return [...this.#refused];
  }

  add(entry: Omit<RefusedPeer, 'at'>): void {
    // An address of nobody known may be this node's by now.
    this.#drop(
      ({ code, nodeId, address }) =>
        code === entry.code && (nodeId === null ? address === entry.address : nodeId === entry.nodeId),
    );
    this.#refused.push({ ...entry, at: this.#clock.now() });
    if (this.#refused.length > MAX_REFUSED) this.#refused.shift();
  }

  /** It answers now, so that it is no longer unreachable. */
  reached(nodeId: NodeId, address: string): void {
    this.#drop(
      (entry) => entry.code === 'Unreachable' && (entry.nodeId === nodeId || entry.address === address),
    );
  }

  bar(nodeId: NodeId, code: RefusedPeer['code'], ms: number = PENALTY_MS): void {
    this.#barred.set(nodeId, { until: this.#clock.monotonic() + ms, code });
  }

  remove(nodeId: NodeId): void {
    this.#removed.add(nodeId);
  }

  /** Undefined = it may come in. */
  obstacle(nodeId: NodeId): RefusedPeer['code'] | undefined {
    if (this.#removed.has(nodeId)) return 'Removed';
    const bar = this.#barred.get(nodeId);
    if (bar === undefined) return undefined;
    if (this.#clock.monotonic() < bar.until) return bar.code;
    this.#barred.delete(nodeId);
    return undefined;
  }

  /** Another cluster: nothing that was said of the old one counts there. */
  clear(): void {
    this.#removed.clear();
    this.#barred.clear();
    this.#refused.length = 0;
  }

  #drop(isSame: (entry: RefusedPeer) => boolean): void {
    this.#refused.splice(0, Infinity, ...this.#refused.filter((entry) => !isSame(entry)));
  }
}
