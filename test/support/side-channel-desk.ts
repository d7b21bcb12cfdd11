import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Attempt } from '../../main/core/contract/side-channel.ts';
import type { InstanceId, RunnerId } from '../../main/core/id.ts';
import type { GatherTimings } from '../../main/core/side-channel.ts';
import { systemClock } from '../../main/node/clock.ts';
import type { PeerNetwork } from '../../main/node/peer/network.ts';
import { SideChannels } from '../../main/node/side-channel/side-channels.ts';
import type { RankSeat } from '../../main/node/side-channel/gatherer.ts';
import { idOf, realNetwork } from './real-peers.ts';
import { silentLog } from './runner-builders.ts';
import type { RankRounds, RankWord } from './side-channel-rank.ts';

const script = fileURLToPath(new URL('side-channel-rank.ts', import.meta.url));

export const attemptOf = (incarnation = 0): Attempt => ({
  instanceId: 'chat.g1.p0' as InstanceId,
  incarnation,
});
export const runnerOf = ({ incarnation }: Attempt, rank: number): RunnerId =>
  `chat.g1.p0.i${incarnation}.r${rank}` as RunnerId;

export interface DeskNode {
  readonly network: PeerNetwork;
  readonly channels: SideChannels;
  readonly folder: string;
}

/** Nodes `node-0` … on loopback, all connected, with the real relay between them; ranks are processes of their own. */
export class SideChannelDesk {
  readonly nodes: readonly DeskNode[];
  readonly #ranks: RankProcess[] = [];

  private constructor(nodes: readonly DeskNode[]) {
    this.nodes = nodes;
  }

  static async open(size: number, timings: Partial<GatherTimings> = {}): Promise<SideChannelDesk> {
    const nodes: DeskNode[] = [];
    for (let at = 0; at < size; at += 1) {
      const peers = nodes.map(({ network }) => network.status.listening[0] ?? '');
      const network = realNetwork(nameOf(at), { peers });
      const folder = mkdtempSync(join(tmpdir(), 'skein-side-'));
      const channels = new SideChannels(
        { network, clock: systemClock, log: silentLog },
        { nodeId: idOf(nameOf(at)), folder, timings },
      );
      await channels.start();
      await network.start();
      nodes.push({ network, channels, folder });
    }
    const desk = new SideChannelDesk(nodes);
    while (nodes.some(({ network }) => network.peers.length < size - 1))
      await new Promise((resolve) => setTimeout(resolve, 10));
    return desk;
  }

  seat(rank: number, attempt: Attempt = attemptOf(), size = this.nodes.length): RankSeat {
    const ranks = this.nodes.slice(0, size).map((_, at) => `rank ${at} on ${nameOf(at)}`);
    const nodes = this.nodes.slice(0, size).map((_, at) => idOf(nameOf(at)));
    const devices = nodes.map((_, from) => nodes.map((_, to) => (from === to ? null : `rdma_en${to}`)));
    return { attempt, rank, nodes, ranks, devices };
  }

  /** A rank's process on its node, as an attempt begins it. */
  join(rank: number, attempt: Attempt = attemptOf(), roundMs = 30_000): RankProcess {
    const { channels } = this.nodes[rank]!;
    const seat = this.seat(rank, attempt);
    const opened = channels.open(runnerOf(attempt, rank), seat);
    if (!opened.ok) throw new Error(opened.error);
    const { up, down } = opened.value;
    const process = new RankProcess({ rank, size: seat.ranks.length, up, down, openMs: 5_000, roundMs });
    this.#ranks.push(process);
    // As a supervisor tells its worker.
    process.onCrash = () => channels.close(runnerOf(attempt, rank), 'its runner crashed');
    return process;
  }

  async close(): Promise<void> {
    await Promise.all(this.#ranks.map((rank) => rank.kill()));
    for (const { channels, network, folder } of this.nodes) {
      await channels.stop();
      await channels.stop();
      await network.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  }
}

/** A process that has loaded the real addon and does as MLX would. */
export class RankProcess {
  onCrash: () => void = () => undefined;
  readonly #child: ChildProcess;
  readonly #words: RankWord[] = [];
  #wake: () => void = () => undefined;

  constructor(init: object) {
    this.#child = spawn(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', script, JSON.stringify(init)],
      {
        stdio: ['pipe', 'pipe', 'inherit'],
      },
    );
    this.#child.stdin!.on('error', () => undefined);
    this.#child.once('exit', () => this.onCrash());
    createInterface({ input: this.#child.stdout! }).on('line', (line) => {
      this.#words.push(JSON.parse(line) as RankWord);
      this.#wake();
    });
  }

  /** The next word that it says. */
  async word(): Promise<RankWord> {
    for (;;) {
      const word = this.#words.shift();
      if (word !== undefined) return word;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  gather(rounds: RankRounds): void {
    this.#child.stdin!.write(`${JSON.stringify(rounds)}\n`);
  }

  stop(): void {
    this.#child.kill('SIGSTOP');
  }

  /** May be called twice. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGKILL');
    await ended;
  }
}

const nameOf = (at: number): string => `node-${at}`;
