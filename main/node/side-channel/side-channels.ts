import { mkdirSync, rmSync } from 'node:fs';
import type { RdmaEnvironment } from '../../core/contract/runner.ts';
import type { NodeId, RunnerId } from '../../core/id.ts';
import type { RunnerStatus } from '../../core/instance.ts';
import { ok, refused, unreachable, type Result } from '../../core/result.ts';
import { rdmaSetup, type GatherTimings } from '../../core/side-channel.ts';
import { SECOND } from '../../core/unit.ts';
import type { Clock } from '../clock.ts';
import type { Startable } from '../lifecycle.ts';
import type { Log } from '../log.ts';
import type { PeerNetwork } from '../peer/network.ts';
import { Gatherer, type RankEar, type RankSeat } from './gatherer.ts';
import { RankPipes } from './rank-pipes.ts';
import { RemoteRelay, type RankRelay } from './relay.ts';

export interface SideChannelsComponents {
  readonly network: Pick<PeerNetwork, 'open' | 'handle'>;
  readonly clock: Clock;
  readonly log: Log;
}

export interface SideChannelsInit {
  readonly nodeId: NodeId;
  /** Emptied at the start: whatever is there was left behind by a node that was killed. */
  readonly folder: string;
  readonly timings?: Partial<GatherTimings>;
}

export const defaultGatherTimings: GatherTimings = { joinMs: 30 * SECOND, roundMs: 30 * SECOND };

/** What a rank's runner is told. */
export interface OpenSideChannel {
  readonly up: string;
  readonly down: string;
  readonly environment: RdmaEnvironment;
}

const DEVICES = 'devices.json';

interface Open {
  readonly seat: RankSeat;
  readonly pipes: RankPipes;
  readonly relay: RankRelay;
}

/** The side channels of the ranks on this node, and the gathering for those whose rank 0 is here. */
export class SideChannels implements Startable {
  readonly #components: SideChannelsComponents;
  readonly #init: SideChannelsInit;
  readonly #timings: GatherTimings;
  readonly #gatherer: Gatherer;
  readonly #open = new Map<RunnerId, Open>();
  #stopped = false;

  constructor(components: SideChannelsComponents, init: SideChannelsInit) {
    this.#components = components;
    this.#init = init;
    this.#timings = { ...defaultGatherTimings, ...init.timings };
    this.#gatherer = new Gatherer(components, { timings: this.#timings });
  }

  async start(): Promise<void> {
    rmSync(this.#init.folder, { recursive: true, force: true });
    mkdirSync(this.#init.folder, { recursive: true, mode: 0o700 });
    this.#components.network.handle('side', (stream) => void this.#gatherer.serve(stream));
  }

  /** May be called twice. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const runnerId of [...this.#open.keys()]) this.close(runnerId, 'its node is shutting down');
    this.#gatherer.stop();
  }

  /** What is open and kept now; both are 0 when no group is being formed. */
  get counts(): { readonly ranks: number; readonly attempts: number } {
    return { ranks: this.#open.size, attempts: this.#gatherer.size };
  }

  /**
   * Opens a rank's pipes and writes the file with its devices; `leave` or `close` must follow. Refused: why there can be none.
   * @param runnerId of this attempt
   */
  open(runnerId: RunnerId, seat: RankSeat): Result<OpenSideChannel, string> {
    const [gatherer] = seat.nodes;
    if (this.#stopped || gatherer === undefined) return refused('this node is shutting down');
    this.close(runnerId, 'it was opened anew');
    let sequence = 0;
    let pipes: RankPipes;
    let environment: RdmaEnvironment;
    try {
      pipes = new RankPipes(this.#components, {
        folder: this.#init.folder,
        listener: {
          onFrame: (bytes) => relay.part((sequence += 1), bytes),
          onBroken: (why) => relay.lose(why),
        },
      });
      environment = writeDevices(pipes, seat);
    } catch (problem) {
      const why = problem instanceof Error ? problem.message : String(problem);
      return refused(`the pipes of its side channel could not be made: ${why}`);
    }
    const ear: RankEar = {
      onGathered: (answered, parts) => answered === sequence && pipes.answer(parts),
      onOver: (why) => pipes.end(why),
    };
    const relay = this.#relayOf(seat, gatherer, ear);
    this.#open.set(runnerId, { seat, pipes, relay });
    return ok({ up: pipes.up, down: pipes.down, environment });
  }

  /** What became of a rank's runner: once it has joined it needs no more rounds, and its end is that of the attempt. */
  follow(runnerId: RunnerId, { type }: RunnerStatus): void {
    switch (type) {
      case 'Idle':
      case 'Connecting':
        return;
      case 'Connected':
      case 'Loading':
      case 'Loaded':
      case 'WarmingUp':
      case 'Ready':
        return this.leave(runnerId);
      case 'ShuttingDown':
      case 'Shutdown':
        return this.close(runnerId, 'its node ended this attempt');
      case 'Failed':
        return this.close(runnerId, 'its runner failed');
      default:
        return unreachable(type);
    }
  }

  /** The rank has joined its group and needs no more rounds. May be called twice. */
  leave(runnerId: RunnerId): void {
    this.#drop(runnerId)?.relay.leave();
  }

  /**
   * The attempt is over: its pipes go, and the other ranks are told. May be called twice.
   * @param why continues `rank 1 on desk is lost: …`
   */
  close(runnerId: RunnerId, why: string): void {
    this.#drop(runnerId)?.relay.lose(why);
  }

  #drop(runnerId: RunnerId): Open | undefined {
    const open = this.#open.get(runnerId);
    this.#open.delete(runnerId);
    open?.pipes.close();
    return open;
  }

  #relayOf(seat: RankSeat, gatherer: NodeId, ear: RankEar): RankRelay {
    if (gatherer !== this.#init.nodeId)
      return new RemoteRelay(this.#components, { seat, gatherer, ear, joinMs: this.#timings.joinMs });
    const { attempt, rank } = seat;
    this.#gatherer.begin(seat, ear);
    return {
      part: (sequence, bytes) => this.#gatherer.part(attempt, { rank, sequence, bytes }),
      leave: () => this.#gatherer.leave(attempt, { rank }),
      lose: (why) => this.#gatherer.lose(attempt, { rank, why }),
    };
  }
}

/** @throws Error when the disk refuses; nothing is left of the pipes then */
function writeDevices(pipes: RankPipes, { devices, rank }: RankSeat): RdmaEnvironment {
  const { file, environment } = rdmaSetup(devices, { rank, devicesPath: pipes.pathOf(DEVICES) });
  try {
    pipes.addFile(DEVICES, file);
  } catch (problem) {
    pipes.close();
    throw problem;
  }
  return environment;
}
