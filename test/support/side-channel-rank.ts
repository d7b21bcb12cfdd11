import { createInterface } from 'node:readline';
import { addonPath, loadAddon } from '../../native/index.ts';

/** What a process of `side-channel-rank.ts` is told; it then takes one line of `RankRounds` at a time. */
export interface RankInit {
  readonly rank: number;
  readonly size: number;
  readonly up: string;
  readonly down: string;
  readonly openMs: number;
  readonly roundMs: number;
}

export interface RankRounds {
  readonly rounds: number;
  readonly bytes: number;
}

/** After each `RankRounds`: how long each round took in µs, or what the all-gather threw. */
export type RankWord =
  | { readonly type: 'Opened' }
  | { readonly type: 'Done'; readonly tookUs: readonly number[] }
  | { readonly type: 'Threw'; readonly code: string; readonly message: string };

const { rank, size, ...options } = JSON.parse(process.argv[2] ?? '') as RankInit;
const say = (word: RankWord): void => void process.stdout.write(`${JSON.stringify(word)}\n`);

/** Other bytes for each rank and round, cheap to make and to check. */
const fill = (bytes: number, of: number, round: number): Buffer =>
  Buffer.alloc(bytes, `${of}:${round.toString(36)};`);

function gatherRounds(
  channel: ReturnType<ReturnType<typeof loadAddon>['openSideChannel']>,
  { rounds, bytes }: RankRounds,
): RankWord {
  const tookUs: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const mine = fill(bytes, rank, round);
    const startedAt = process.hrtime.bigint();
    const all = Buffer.from(channel.allGather(mine).buffer);
    tookUs.push(Number(process.hrtime.bigint() - startedAt) / 1_000);
    for (let of = 0; of < size; of += 1) {
      if (!all.subarray(of * bytes, (of + 1) * bytes).equals(fill(bytes, of, round)))
        throw new Error(`rank ${rank} got wrong bytes of rank ${of} in round ${round}`);
    }
  }
  return { type: 'Done', tookUs };
}

function attempt(work: () => RankWord): void {
  try {
    say(work());
  } catch (problem) {
    const { code = '', message } = problem as { readonly code?: string; readonly message: string };
    say({ type: 'Threw', code, message });
  }
}

const addon = loadAddon(addonPath());
attempt(() => {
  const channel = addon.openSideChannel({ rank, size, ...options });
  createInterface({ input: process.stdin }).on('line', (line) =>
    attempt(() => gatherRounds(channel, JSON.parse(line) as RankRounds)),
  );
  return { type: 'Opened' };
});
