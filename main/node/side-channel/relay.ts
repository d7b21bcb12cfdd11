import { SideChannelAnswer, type SideChannelWord } from '../../core/contract/side-channel.ts';
import type { NodeId } from '../../core/id.ts';
import { unreachable } from '../../core/result.ts';
import { clampMessage } from '../../core/text.ts';
import type { Clock } from '../clock.ts';
import { PeerStreamError, type PeerNetwork, type PeerStream } from '../peer/network.ts';
import type { RankEar, RankSeat } from './gatherer.ts';
import { StreamReader } from './stream-reader.ts';

/** Where a rank's parts go: to the gatherer, here or on another node. */
export interface RankRelay {
  part(sequence: number, bytes: Uint8Array): void;
  /** The rank needs no more rounds. */
  leave(): void;
  /** The rank is gone. */
  lose(why: string): void;
}

/** Until rank 0 has begun too. */
const ASK_AGAIN_MS = 100;

interface Joined {
  readonly stream: PeerStream;
  readonly reader: StreamReader;
}

/** Over the network, to the node of rank 0. */
export class RemoteRelay implements RankRelay {
  readonly #clock: Clock;
  readonly #network: Pick<PeerNetwork, 'open'>;
  readonly #seat: RankSeat;
  readonly #gatherer: NodeId;
  readonly #ear: RankEar;
  /** Until it has joined over it. */
  #joining: PeerStream | undefined;
  #stream: PeerStream | undefined;
  /** What was said before the stream was open. */
  #part: { readonly sequence: number; readonly bytes: Uint8Array } | undefined;
  /** It or the attempt is over. */
  #ended = false;
  /** What the gatherer is told then. */
  #last: SideChannelWord | undefined;

  /** Joins at once. @param init.joinMs until rank 0 has begun as well */
  constructor(
    { clock, network }: { readonly clock: Clock; readonly network: Pick<PeerNetwork, 'open'> },
    init: {
      readonly seat: RankSeat;
      readonly gatherer: NodeId;
      readonly ear: RankEar;
      readonly joinMs: number;
    },
  ) {
    this.#clock = clock;
    this.#network = network;
    this.#seat = init.seat;
    this.#gatherer = init.gatherer;
    this.#ear = init.ear;
    const cancel = clock.after(init.joinMs, () => this.#joining?.abort('it did not answer in time'));
    void this.#run(clock.monotonic() + init.joinMs).finally(cancel);
  }

  part(sequence: number, bytes: Uint8Array): void {
    this.#part = { sequence, bytes };
    this.#sendPart();
  }

  leave(): void {
    this.#end({ type: 'Leave' });
  }

  lose(why: string): void {
    this.#end({ type: 'Lost', why: clampMessage(why) });
  }

  #end(word: SideChannelWord): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#last = word;
    if (this.#stream !== undefined) this.#sayLast(this.#stream);
  }

  #sayLast(stream: PeerStream): void {
    if (this.#last === undefined) return;
    stream
      .send(this.#last)
      .then(() => stream.close())
      .catch(() => undefined);
  }

  #sendPart(): void {
    const stream = this.#stream;
    const part = this.#part;
    if (stream === undefined || part === undefined) return;
    this.#part = undefined;
    const word = { type: 'Part', sequence: part.sequence } satisfies SideChannelWord;
    // A stream that broke is noticed by who reads it.
    stream.send(word).catch(() => undefined);
    stream.sendBytes(part.bytes).catch(() => undefined);
  }

  async #run(deadline: number): Promise<void> {
    let stream: PeerStream | undefined;
    try {
      const joined = await this.#join(deadline);
      if (joined === undefined) return;
      ({ stream } = joined);
      this.#stream = stream;
      if (this.#isEnded()) this.#sayLast(stream);
      else this.#sendPart();
      await this.#listen(joined);
    } catch (problem) {
      const why = problem instanceof Error ? problem.message : String(problem);
      const name = this.#seat.ranks[0] ?? this.#gatherer;
      this.#over(`the connection to ${name}, where the ranks meet, broke: ${why}`);
      stream?.abort('the attempt is over');
    }
  }

  /** Undefined = it did not, and need not any more. */
  async #join(deadline: number): Promise<Joined | undefined> {
    const { attempt, rank, ranks } = this.#seat;
    for (;;) {
      const stream = await this.#open();
      if (stream !== undefined) {
        this.#joining = stream;
        await stream.send({ type: 'Join', attempt, rank } satisfies SideChannelWord);
        const reader = new StreamReader(stream);
        const answer = await reader.word(SideChannelAnswer);
        this.#joining = undefined;
        if (answer?.type === 'Joined') return { stream, reader };
        await stream.close();
      }
      if (this.#isEnded()) return undefined;
      if (this.#clock.monotonic() >= deadline) {
        this.#over(`${ranks[0] ?? 'rank 0'} did not begin this attempt in time`);
        return undefined;
      }
      await new Promise<void>((resolve) => void this.#clock.after(ASK_AGAIN_MS, resolve));
    }
  }

  async #open(): Promise<PeerStream | undefined> {
    try {
      return await this.#network.open(this.#gatherer, 'side');
    } catch (problem) {
      // Its Skein may be about to take such streams.
      if (problem instanceof PeerStreamError && problem.code === 'Refused') return undefined;
      throw problem;
    }
  }

  async #listen({ stream, reader }: Joined): Promise<void> {
    for (;;) {
      const answer = await reader.word(SideChannelAnswer);
      if (answer === undefined) break;
      switch (answer.type) {
        case 'Joined':
        case 'NotHere':
          throw new Error('it answered what nobody asked');
        case 'Gathered': {
          const parts: Uint8Array[] = [];
          while (parts.length < answer.ranks) parts.push(await reader.bytes());
          if (!this.#ended) this.#ear.onGathered(answer.sequence, parts);
          break;
        }
        case 'Over':
          this.#over(answer.why);
          return await stream.close();
        default:
          unreachable(answer);
      }
    }
    if (!this.#ended) throw new Error('it closed the side channel');
  }

  /** A method, so that what was true before an `await` is asked again after it. */
  #isEnded(): boolean {
    return this.#ended;
  }

  #over(why: string): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#ear.onOver(why);
  }
}
