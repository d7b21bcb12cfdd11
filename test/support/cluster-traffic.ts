import { pick } from './cluster-faults.ts';
import type { Ledger } from './cluster-ledger.ts';
import type { ClusterNode } from './cluster-node.ts';
import type { RealCluster } from './cluster-real.ts';
import { moment } from './e2e-until.ts';

/** So many stay; more are deleted. */
const MOST = 24;
const PAUSE_MS = 120;
const WITHIN_MS = 15_000;

/** What `Traffic` made; other names are left alone. */
export const TRAFFIC = 'traffic';

/** Commands at every node that is up, one at a time at each, whatever happens to the cluster meanwhile. */
export class Traffic {
  readonly #cluster: RealCluster;
  readonly #ledger: Ledger;
  readonly #random: () => number;
  readonly #loops: Promise<void>[];
  #ends = false;

  constructor(cluster: RealCluster, ledger: Ledger, random: () => number) {
    this.#cluster = cluster;
    this.#ledger = ledger;
    this.#random = random;
    this.#loops = cluster.nodes.map((node) => this.#loop(node));
  }

  /** Resolves when the last command was answered, or will never be. */
  async end(): Promise<void> {
    this.#ends = true;
    await Promise.all(this.#loops);
  }

  async #loop(node: ClusterNode): Promise<void> {
    while (!this.#ends && this.#cluster.nodes.includes(node)) {
      if (node.isUp) await this.#command(node);
      await moment(this.#random() * 2 * PAUSE_MS);
    }
  }

  async #command(node: ClusterNode): Promise<void> {
    const there = this.#ledger.present.filter((name) => name.startsWith(TRAFFIC));
    if (there.length > 0 && this.#random() < there.length / MOST) {
      await this.#ledger.delete(node, pick(there, this.#random), WITHIN_MS);
      return;
    }
    await this.#ledger.create(node, this.#ledger.name(TRAFFIC), { min_nodes: 9 }, WITHIN_MS);
  }
}
