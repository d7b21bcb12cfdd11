import { mkdirSync, rmSync } from 'node:fs';
import type { NodeId, RunnerId } from '../../core/id.ts';
import { ok, refused, type Result } from '../../core/result.ts';
import type { GatherTimings } from '../../core/side-channel.ts';
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
   * Opens a rank's pipes; `close` must follow. Refused: why there can be none.
   * @param runnerId of this attempt
   */
  open(runnerId: RunnerId, seat: RankSeat): Result<RankPipes, string> {
    const [gatherer] = seat.nodes;
    if (this.#stopped || gatherer === undefined) return refused('this node is shutting down');
    this.close(runnerId, 'it was opened anew');
    let sequence = 0;
    let pipes: RankPipes;
    try {
      pipes = new RankPipes(this.#components, {
        folder: this.#init.folder,
        listener: {
          onFrame: (bytes) => relay.part((sequence += 1), bytes),
          onBroken: (why) => relay.lose(why),
        },
      });
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
    return ok(pipes);
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
