import { randomBytes } from 'node:crypto';
import { appendFileSync, cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Lan } from './cluster-lan.ts';
import { ClusterNode } from './cluster-node.ts';
import { LoopbackPlace, type ClusterPlace } from './cluster-seat.ts';
import { inOneLine, type Seen } from './cluster-view.ts';
import { Warden } from './cluster-warden.ts';
import { PATIENCE_MS, until } from './e2e-until.ts';
import { MetaInstanceId } from '../../main/core/id.ts';

/** Why no node can have a small disk of its own here; undefined = it can. */
export const whyNoSmallDisk: string | undefined =
  process.platform === 'linux' && process.getuid?.() === 0
    ? undefined
    : 'a small disk is a mount, which needs root';

/** The bound of REPLICATION.md from the last change of who reaches whom until there is one master. */
export const ONE_MASTER_MS = 5_000;

export interface RealClusterInit {
  readonly nodes: number;
  /** `lan`: a computer each in network namespaces, where cables can be pulled. */
  readonly on?: 'loopback' | 'lan';
  /** Nodes find each other by multicast instead of being told of each other. */
  readonly discovery?: boolean;
  readonly flags?: readonly string[];
}

/** A cluster of real `skein serve` processes; everything of it is gone after `close`, or when this process ends. */
export class RealCluster {
  readonly nodes: ClusterNode[] = [];
  readonly #init: RealClusterInit;
  readonly #folder = realpathSync(mkdtempSync(join(tmpdir(), 'skein-cluster-')));
  readonly #warden: Warden;
  readonly #place: ClusterPlace;
  #joined = 0;

  private constructor(init: RealClusterInit) {
    this.#init = init;
    // Link names have 15 characters at most.
    const tag = init.on === 'lan' ? `sk${randomBytes(3).toString('hex')}` : '';
    this.#warden = new Warden(this.#folder, tag);
    this.#place = init.on === 'lan' ? new Lan(tag) : new LoopbackPlace();
  }

  /** Everything is in place, and no node is up yet. */
  static async prepare(init: RealClusterInit): Promise<RealCluster> {
    const cluster = new RealCluster(init);
    try {
      const key = cluster.key('cluster');
      for (let index = 0; index < init.nodes; index += 1) await cluster.add(key);
      return cluster;
    } catch (error) {
      await cluster.close();
      throw error;
    }
  }

  /** Every node is up and follows one master. */
  static async form(init: RealClusterInit): Promise<RealCluster> {
    const cluster = await RealCluster.prepare(init);
    try {
      await cluster.start();
      return cluster;
    } catch (error) {
      await cluster.close();
      throw error;
    }
  }

  /** The file of a new random cluster key. */
  key(name: string): string {
    const path = join(this.#folder, `${name}.key`);
    writeFileSync(path, randomBytes(32).toString('hex'), { mode: 0o600 });
    return path;
  }

  /** One more computer, not up yet; it is told of all others that are there already, and they of it. */
  async add(keyFile: string = join(this.#folder, 'cluster.key')): Promise<ClusterNode> {
    const index = this.#joined;
    this.#joined += 1;
    const folder = join(this.#folder, `node-${index}`);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const node = new ClusterNode({ index, folder, seat: await this.#place.seat(index), flags: [] });
    if (this.#init.discovery === true && this.#place instanceof Lan) await this.#place.route(index);
    this.nodes.push(node);
    for (const each of this.nodes) each.flags = this.#flags(each, each === node ? keyFile : undefined);
    return node;
  }

  /** Starts these, all unless said, at the same moment; resolves when they follow one master that knows them. */
  async start(nodes: readonly ClusterNode[] = this.nodes): Promise<void> {
    for (const node of nodes) node.launch();
    await Promise.all(nodes.map((node) => node.listening()));
    await this.until('all nodes are members and follow one master', async () => {
      const { topology } = await (await this.untilOneMaster()).seen();
      return this.up.every(({ nodeId }) => topology.nodes.includes(nodeId));
    });
  }

  /** Throws where the cluster is on the loopback interface. */
  get lan(): Lan {
    if (!(this.#place instanceof Lan)) throw new Error('this cluster has no network of its own');
    return this.#place;
  }

  get up(): ClusterNode[] {
    return this.nodes.filter(({ isUp }) => isUp);
  }

  others(node: ClusterNode): ClusterNode[] {
    return this.up.filter((each) => each !== node);
  }

  /** As these nodes, all that are up unless said, name it; they agree. */
  async master(nodes: readonly ClusterNode[] = this.up): Promise<ClusterNode> {
    return this.untilOneMaster(nodes);
  }

  /** All of these name the same one of them as master and have applied the same events. */
  async untilOneMaster(
    nodes: readonly ClusterNode[] = this.up,
    withinMs = PATIENCE_MS,
  ): Promise<ClusterNode> {
    return this.until(
      `${nodes.map(({ name }) => name).join(', ')} follow one master`,
      async () => {
        const seen = await Promise.all(nodes.map((node) => node.seen(2_000).catch(() => undefined)));
        const [first] = seen;
        const agree = seen.every(
          (each) =>
            each?.master?.nodeId !== undefined &&
            each.master.nodeId === first?.master?.nodeId &&
            each.lastEventAppliedIdx === first.lastEventAppliedIdx,
        );
        return agree ? nodes.find(({ nodeId }) => nodeId === first?.master?.nodeId) : undefined;
      },
      withinMs,
    );
  }

  /** A node shows it READY; rejects at once when it has FAILED. */
  async untilReady(node: ClusterNode, metaInstanceId: string, withinMs = PATIENCE_MS): Promise<void> {
    await this.until(
      `${metaInstanceId} is READY on ${node.name}`,
      async () => {
        const phase = (await node.seen()).metaInstances[MetaInstanceId.parse(metaInstanceId)]?.phase;
        if (phase === 'FAILED') throw new Error(`${metaInstanceId} has failed`);
        return phase === 'READY' || phase === 'RUNNING';
      },
      withinMs,
    );
  }

  /** As `until` of the other tests; the message shows all nodes. */
  async until<Found>(
    what: string,
    look: () => Found | Promise<Found>,
    withinMs = PATIENCE_MS,
  ): Promise<Exclude<Found, undefined | false | null>> {
    try {
      return await until(what, look, withinMs);
    } catch (error) {
      throw new Error(`${(error as Error).message}\n${await this.describe()}`, { cause: error });
    }
  }

  /** How each node is and what it printed last. */
  async describe(): Promise<string> {
    const lines = this.nodes.map(async (node) => {
      if (!node.isUp) return `${node.name} is down (${node.exit}): ${node.printed}`;
      const seen: Seen | undefined = await node.seen(2_000).catch(() => undefined);
      const printed = node.printed.trim().split('\n').slice(-8).join('\n    ');
      return `${node.name} ${node.shortId}: ${seen === undefined ? 'gives no state' : inOneLine(seen)}\n    ${printed}`;
    });
    return (await Promise.all(lines)).join('\n');
  }

  /** All at once and without a word. */
  async cutPower(): Promise<void> {
    await Promise.all(this.up.map((node) => node.cutPower()));
  }

  /** Copies the data folder of a node that is down over that of another one that is down. */
  copyData(from: ClusterNode, to: ClusterNode): void {
    cpSync(from.dataDir, to.dataDir, { recursive: true });
  }

  /** Gives a node that was never up a disk of this size; `whyNoSmallDisk` says where there can be none. */
  limitDisk(node: ClusterNode, megabytes: number): void {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=700`, 'skein-test', node.dataDir]);
  }

  /** Takes what is left of a node's disk; the returned function gives it back. */
  fillDisk(node: ClusterNode): () => void {
    const path = join(node.dataDir, 'ballast');
    for (const bytes of [1024 * 1024, 4096]) {
      try {
        for (;;) appendFileSync(path, Buffer.alloc(bytes, 1));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
      }
    }
    return () => rmSync(path);
  }

  /** Ends everything; may be called twice. */
  async close(): Promise<void> {
    await this.#place.close();
    await this.#warden.close();
  }

  #flags(node: ClusterNode, keyFile?: string): readonly string[] {
    const key = keyFile === undefined ? node.flags.slice(0, 2) : ['--cluster-key', `@${keyFile}`];
    const peers = this.nodes.filter((each) => each !== node).flatMap((each) => ['--peer', each.peerAddress]);
    const where = ['--peer-host', node.seat.peerHost, '--peer-port', String(node.seat.peerPort)];
    const found = this.#init.discovery === true ? [] : ['--no-discovery', ...peers];
    return [...key, ...where, ...found, '--log-level', 'info', ...(this.#init.flags ?? [])];
  }
}
