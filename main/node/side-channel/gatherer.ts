import { SideChannelWord, type Attempt, type SideChannelAnswer } from '../../core/contract/side-channel.ts';
import type { NodeId } from '../../core/id.ts';
import { unreachable } from '../../core/result.ts';
import {
  gather,
  nextDueAt,
  type GatherInput,
  type GatherOutput,
  type GatherTimings,
  type Meetings,
} from '../../core/side-channel.ts';
import { clampMessage } from '../../core/text.ts';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { PeerStream } from '../peer/network.ts';
import { StreamReader } from './stream-reader.ts';

/** How one rank hears of its attempt. */
export interface RankEar {
  readonly onGathered: (sequence: number, parts: readonly Uint8Array[]) => void;
  /** Nothing follows. */
  readonly onOver: (why: string) => void;
}

/** A rank on this node, in the attempt that it takes part in. */
export interface RankSeat {
  readonly attempt: Attempt;
  readonly rank: number;
  /** By rank. */
  readonly nodes: readonly NodeId[];
  /** For people, by rank: `rank 1 on desk`. */
  readonly ranks: readonly string[];
  /** As `Instance.rdmaDevices`. */
  readonly devices: readonly (readonly (string | null)[])[];
}

type Input<Type extends GatherInput['type']> = Omit<Extract<GatherInput, { type: Type }>, 'type' | 'attempt'>;

/** Gathers for the attempts whose rank 0 is on this node: the shell of `core/side-channel.ts`. */
export class Gatherer {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #timings: GatherTimings;
  #meetings: Meetings = new Map();
  /** Of the attempts that meet now. */
  readonly #seats = new Map<
    string,
    { readonly nodes: readonly NodeId[]; readonly ears: Map<number, RankEar> }
  >();
  readonly #streams = new Set<PeerStream>();
  #cancelTick: () => void = () => undefined;

  constructor(
    { clock, log }: { readonly clock: Clock; readonly log: Log },
    { timings }: { readonly timings: GatherTimings },
  ) {
    this.#clock = clock;
    this.#log = log;
    this.#timings = timings;
  }

  /** How many attempts are kept in memory. */
  get size(): number {
    return this.#seats.size;
  }

  /** Rank 0 is here and begins. */
  begin({ attempt, nodes, ranks, rank }: RankSeat, ear: RankEar): void {
    this.#seats.set(keyOf(attempt), { nodes, ears: new Map([[rank, ear]]) });
    this.#step({ type: 'Begin', attempt, ranks });
  }

  part(attempt: Attempt, part: Input<'Part'>): void {
    this.#step({ type: 'Part', attempt, ...part });
  }

  leave(attempt: Attempt, left: Input<'Leave'>): void {
    this.#step({ type: 'Leave', attempt, ...left });
  }

  lose(attempt: Attempt, lost: Input<'Lost'>): void {
    this.#step({ type: 'Lost', attempt, ...lost });
  }

  /** Ranks on other nodes hear that it is over. May be called twice. */
  stop(): void {
    for (const { attempt } of [...this.#meetings.values()])
      this.lose(attempt, { rank: 0, why: 'its node is shutting down' });
    this.#cancelTick();
    for (const stream of this.#streams) void stream.close();
  }

  /** A stream that another node opened for a rank of its own. */
  async serve(stream: PeerStream): Promise<void> {
    this.#streams.add(stream);
    let seat: { readonly attempt: Attempt; readonly rank: number } | undefined;
    let why = 'its node closed the side channel';
    let over = false;
    const onOver = (): void => void (over = true);
    try {
      const reader = new StreamReader(stream);
      for (;;) {
        const word = await reader.word(SideChannelWord);
        if (word === undefined) break;
        if (word.type === 'Join') {
          if (seat !== undefined) throw new Error('it joined a second time over one stream');
          if (this.#joins(stream, word, onOver)) seat = word;
          await stream.send({ type: seat === undefined ? 'NotHere' : 'Joined' } satisfies SideChannelAnswer);
          if (seat === undefined) break;
          continue;
        }
        if (seat === undefined) throw new Error('it spoke before it joined');
        const { attempt, rank } = seat;
        switch (word.type) {
          case 'Part':
            this.part(attempt, { rank, sequence: word.sequence, bytes: await reader.bytes() });
            break;
          case 'Leave':
            over = true;
            this.leave(attempt, { rank });
            break;
          case 'Lost':
            over = true;
            this.lose(attempt, { rank, why: word.why });
            break;
          default:
            unreachable(word);
        }
      }
    } catch (problem) {
      why = problem instanceof Error ? problem.message : String(problem);
      if (!over) this.#log.debug('A side channel of another node broke', { peer: stream.peer, why });
    }
    if (seat !== undefined && !over) {
      this.lose(seat.attempt, {
        rank: seat.rank,
        why: clampMessage(`the connection to its node broke: ${why}`),
      });
    }
    this.#streams.delete(stream);
    await stream.close();
  }

  /** Once for each rank, and by its own node only. */
  #joins(
    stream: PeerStream,
    { attempt, rank }: Extract<SideChannelWord, { type: 'Join' }>,
    onOver: () => void,
  ): boolean {
    const seats = this.#seats.get(keyOf(attempt));
    if (seats === undefined || seats.nodes[rank] !== stream.peer || seats.ears.has(rank)) return false;
    seats.ears.set(rank, earOf(stream, onOver));
    return true;
  }

  #step(input: GatherInput): void {
    const now = this.#clock.monotonic();
    const { meetings, outputs } = gather(this.#meetings, input, { now, timings: this.#timings });
    this.#meetings = meetings;
    for (const output of outputs) this.#tell(output);
    const kept = new Set([...meetings.values()].map(({ attempt }) => keyOf(attempt)));
    for (const key of [...this.#seats.keys()]) if (!kept.has(key)) this.#seats.delete(key);
    this.#cancelTick();
    const dueAt = nextDueAt(meetings);
    if (dueAt === undefined) return;
    const wait = Math.max(1, dueAt - this.#clock.monotonic());
    this.#cancelTick = this.#clock.after(wait, () => this.#step({ type: 'Tick' }));
  }

  #tell(output: GatherOutput): void {
    const ears = [...(this.#seats.get(keyOf(output.attempt))?.ears.values() ?? [])];
    for (const ear of ears) {
      if (output.type === 'Gathered') ear.onGathered(output.sequence, output.parts);
      else ear.onOver(output.why);
    }
  }
}

const keyOf = ({ instanceId, placedIn, incarnation }: Attempt): string =>
  JSON.stringify([instanceId, placedIn ?? null, incarnation]);

/** What waits for a slow rank is one round: it gives no next part before. A stream that broke is noticed by its reader. */
function earOf(stream: PeerStream, onOver: () => void): RankEar {
  const ignored = (): void => undefined;
  return {
    onGathered(sequence, parts) {
      const word = { type: 'Gathered', sequence, ranks: parts.length } satisfies SideChannelAnswer;
      stream.send(word).catch(ignored);
      for (const part of parts) stream.sendBytes(part).catch(ignored);
    },
    onOver(why) {
      onOver();
      stream
        .send({ type: 'Over', why: clampMessage(why) } satisfies SideChannelAnswer)
        .then(() => stream.close())
        .catch(ignored);
    },
  };
}
