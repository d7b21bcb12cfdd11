import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { chooseFault, type FaultName } from './cluster-faults.ts';
import type { MasterGap } from './cluster-gap.ts';
import { brokenRules, type Broken } from './cluster-invariants.ts';
import { whyNoLan } from './cluster-lan.ts';
import { Ledger } from './cluster-ledger.ts';
import type { ClusterNode } from './cluster-node.ts';
import { RealCluster } from './cluster-real.ts';
import { Traffic } from './cluster-traffic.ts';

/** Rounds in one cluster, before another number of nodes is tried. */
const ROUNDS = 20;
const FEWEST = 2;
const MOST = 5;
const READY_MS = 60_000;

export interface CampaignInit {
  readonly seed: number;
  /** It ends with the first of the two. */
  readonly minutes: number;
  readonly kills: number;
  /** By how much the bounds in time are longer than on a quiet machine. */
  readonly patience: number;
  /** Where what the nodes printed goes when a rule did not hold. */
  readonly folder: string;
  readonly onRound: (line: string) => void;
}

export interface CampaignBroken extends Broken {
  readonly round: string;
}

export interface CampaignReport {
  readonly rounds: number;
  readonly clusters: number;
  readonly faults: ReadonlyMap<FaultName, number>;
  readonly gaps: ReadonlyMap<FaultName, readonly MasterGap[]>;
  readonly answers: ReadonlyMap<number | 'none', number>;
  readonly broken: readonly CampaignBroken[];
}

/** Random faults in clusters of real processes, with commands at every node; after each, what must hold. */
export class Campaign {
  readonly #init: CampaignInit;
  readonly #random: () => number;
  readonly #until: number;
  readonly #faults = new Map<FaultName, number>();
  readonly #gaps = new Map<FaultName, MasterGap[]>();
  readonly #answers = new Map<number | 'none', number>();
  readonly #broken: CampaignBroken[] = [];
  #rounds = 0;
  #clusters = 0;
  #ends = false;

  /** @param random in [0, 1), the same for the same seed: chooses nodes and faults; when what happens is not its own */
  constructor(random: () => number, init: CampaignInit) {
    this.#init = init;
    this.#random = random;
    this.#until = performance.now() + init.minutes * 60_000;
  }

  async run(): Promise<CampaignReport> {
    while (!this.#isOver) await this.#playCluster();
    return {
      rounds: this.#rounds,
      clusters: this.#clusters,
      faults: this.#faults,
      gaps: this.#gaps,
      answers: this.#answers,
      broken: this.#broken,
    };
  }

  /** After the round that is going on. */
  end(): void {
    this.#ends = true;
  }

  get #isOver(): boolean {
    const kills = this.#faults.get('kill the master') ?? 0;
    return this.#ends || performance.now() > this.#until || kills >= this.#init.kills;
  }

  async #playCluster(): Promise<void> {
    this.#clusters += 1;
    const count = FEWEST + Math.floor(this.#random() * (MOST - FEWEST + 1));
    const hasLan = whyNoLan === undefined;
    const cluster = await RealCluster.prepare({ nodes: count, on: hasLan ? 'lan' : 'loopback' });
    const ledger = new Ledger();
    try {
      if (!(await this.#begin(cluster, ledger))) return;
      for (let round = 0; round < ROUNDS && !this.#isOver; round += 1) {
        if (!(await this.#playRound(cluster, ledger, hasLan))) return;
      }
    } finally {
      for (const [answer, times] of ledger.answers) {
        this.#answers.set(answer, (this.#answers.get(answer) ?? 0) + times);
      }
      await cluster.close();
    }
  }

  /** All nodes up, and models that run; false = it did not come to that. */
  async #begin(cluster: RealCluster, ledger: Ledger): Promise<boolean> {
    try {
      await cluster.start();
      for (const node of cluster.nodes.slice(0, 2)) {
        const name = ledger.name('model');
        await ledger.create(node, name);
        await cluster.untilReady(node, name, READY_MS);
      }
      return true;
    } catch (error) {
      const round = `seed ${this.#init.seed}, before round ${this.#rounds + 1}, ${cluster.nodes.length} nodes`;
      await this.#note(cluster, round, [
        { rule: 'forms and runs models', message: (error as Error).message },
      ]);
      return false;
    }
  }

  /** False = something broke, and this cluster is of no use any more. */
  async #playRound(cluster: RealCluster, ledger: Ledger, hasLan: boolean): Promise<boolean> {
    this.#rounds += 1;
    const fault = chooseFault(this.#random, hasLan);
    const round = `seed ${this.#init.seed}, round ${this.#rounds}: ${fault.name}, ${cluster.nodes.length} nodes`;
    const startedAt = performance.now();
    const before = new Map(cluster.nodes.map((node) => [node, node.runnerPids]));
    const traffic = new Traffic(cluster, ledger, this.#random);
    const broken: Broken[] = [];
    try {
      const touched = await fault.inflict({
        cluster,
        ledger,
        random: this.#random,
        onGap: (name, gap) => this.#gaps.set(name, [...(this.#gaps.get(name) ?? []), gap]),
      });
      this.#faults.set(fault.name, (this.#faults.get(fault.name) ?? 0) + 1);
      await traffic.end();
      broken.push(
        ...(await brokenRules(cluster, ledger, cluster.up, this.#init.patience)),
        ...restarted(before, touched),
      );
    } catch (error) {
      broken.push({ rule: 'goes on', message: (error as Error).message });
      await traffic.end();
    }
    const tookMs = Math.round(performance.now() - startedAt);
    this.#init.onRound(`${round}: ${broken.length === 0 ? 'all holds' : 'BROKEN'}, ${tookMs} ms`);
    if (broken.length === 0) return true;
    await this.#note(cluster, round, broken);
    return false;
  }

  async #note(cluster: RealCluster, round: string, broken: readonly Broken[]): Promise<void> {
    this.#broken.push(...broken.map((each) => ({ ...each, round })));
    const folder = join(this.#init.folder, `${this.#init.seed}-${this.#rounds}`);
    mkdirSync(folder, { recursive: true });
    const lines = broken.map(({ rule, message }) => `${rule}: ${message}`);
    writeFileSync(join(folder, 'broken.txt'), `${[round, ...lines, await cluster.describe()].join('\n')}\n`);
    for (const node of cluster.nodes) {
      writeFileSync(join(folder, `${node.name}.log`), node.earlier + node.output);
      const events = await node.events().catch(() => []);
      writeFileSync(
        join(folder, `${node.name}.events`),
        events.map((event) => JSON.stringify(event)).join('\n'),
      );
    }
    for (const line of lines) this.#init.onRound(`  ${line}`);
    this.#init.onRound(`  what the nodes printed and their events: ${folder}`);
  }
}

/** Runners that ended though nothing happened to their node. */
function restarted(
  before: ReadonlyMap<ClusterNode, readonly number[]>,
  touched: readonly ClusterNode[],
): Broken[] {
  return [...before].flatMap(([node, pids]) => {
    if (touched.includes(node)) return [];
    const now = node.runnerPids;
    const gone = pids.filter((pid) => !now.includes(pid));
    if (gone.length === 0) return [];
    const message = `${node.name}'s runners ${gone.join(', ')} ended, though nothing happened to it`;
    return [{ rule: 'no runner restarts because a master died', message }];
  });
}
