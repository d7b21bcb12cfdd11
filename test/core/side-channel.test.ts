import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  frameHeader,
  FrameReader,
  MOST_PART_BYTES,
  overFrame,
  type Attempt,
} from '../../main/core/contract/side-channel.ts';
import type { EpochTag, InstanceId } from '../../main/core/id.ts';
import {
  gather,
  nextDueAt,
  rdmaSetup,
  type Gathered,
  type GatherInput,
  type GatherOutput,
  type Meetings,
} from '../../main/core/side-channel.ts';

const timings = { joinMs: 100, roundMs: 50 };
const attempt: Attempt = { instanceId: 'chat.g1.p0' as InstanceId, incarnation: 1 };
const earlier: Attempt = { ...attempt, incarnation: 0 };
const elsewhere: Attempt = { ...attempt, placedIn: 't2-abc' as EpochTag };
const ranks = ['rank 0 on a', 'rank 1 on b', 'rank 2 on c'];
const begin: GatherInput = { type: 'Begin', attempt, ranks };
const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const part = (rank: number, sequence = 1, given = bytes(rank), of = attempt): GatherInput => {
  return { type: 'Part', attempt: of, rank, sequence, bytes: given };
};
const leave = (rank: number): GatherInput => ({ type: 'Leave', attempt, rank });
const lose = (rank: number, of = attempt): GatherInput => ({
  type: 'Lost',
  attempt: of,
  rank,
  why: 'it crashed',
});
const tick: GatherInput = { type: 'Tick' };
const round = (sequence = 1): GatherInput[] => [0, 1, 2].map((rank) => part(rank, sequence));
const gathered = (sequence = 1): GatherOutput => {
  return { type: 'Gathered', attempt, sequence, parts: [bytes(0), bytes(1), bytes(2)] };
};
const over = (why: string, of = attempt): GatherOutput => ({ type: 'Over', attempt: of, why });

/** Each input at its moment; a bare one at the moment of the one before. */
function play(...inputs: (GatherInput | number)[]): Gathered {
  let now = 0;
  let meetings: Meetings = new Map();
  const outputs: GatherOutput[] = [];
  for (const input of inputs) {
    if (typeof input === 'number') {
      now = input;
      continue;
    }
    const step = gather(meetings, input, { now, timings });
    meetings = step.meetings;
    outputs.push(...step.outputs);
  }
  return { meetings, outputs };
}

describe('the gathering of a side channel', () => {
  const rows: readonly [string, (GatherInput | number)[], readonly GatherOutput[], number][] = [
    ['[J1] all ranks gave → each gets all, by rank', [begin, part(2), part(0), part(1)], [gathered()], 1],
    ['[J1] round after round', [begin, ...round(1), ...round(2)], [gathered(1), gathered(2)], 1],
    ['[J1] one rank is missing → nobody gets anything', [begin, part(0), part(2)], [], 1],
    [
      '[J2] a part given twice → the first counts',
      [begin, part(0), part(0, 1, bytes(9)), part(1), part(2)],
      [gathered()],
      1,
    ],
    [
      '[J2] a part of a round that is over → nothing',
      [begin, ...round(1), part(1, 1, bytes(9)), ...round(2)],
      [gathered(1), gathered(2)],
      1,
    ],
    [
      '[J2] a part of an earlier attempt → nothing',
      [begin, part(0, 1, bytes(9), earlier), ...round()],
      [gathered()],
      1,
    ],
    [
      '[J2] a part of the same attempt of another master → nothing',
      [begin, part(0, 1, bytes(9), elsewhere), ...round()],
      [gathered()],
      1,
    ],
    [
      '[J2] a rank of an earlier attempt is lost → nothing',
      [begin, lose(1, earlier), ...round()],
      [gathered()],
      1,
    ],
    ['[J2] parts of what never began → nothing', [...round()], [], 0],
    [
      '[J3] a part of a later round → over',
      [begin, part(0, 2)],
      [over('rank 0 on a gave to round 2 of the side channel while round 1 was gathered')],
      0,
    ],
    ['[J3] a part of no rank → over', [begin, part(3)], [over('rank 3 is none of the 3 ranks')], 0],
    [
      '[J3] a part without bytes → over',
      [begin, part(0, 1, bytes())],
      [over('rank 0 on a gave 0 bytes to the side channel, where 1 to 4194304 are allowed')],
      0,
    ],
    [
      '[J3] parts of two lengths → over',
      [begin, part(0), part(1, 1, bytes(1, 1))],
      [over('rank 1 on b gave 2 bytes to round 1 of the side channel, rank 0 on a 1')],
      0,
    ],
    [
      '[J4] not all came in time → over, and names who is missing',
      [begin, part(1), 99, tick, 100, tick],
      [over('rank 0 on a and rank 2 on c did not take part in round 1 of the side channel in time')],
      0,
    ],
    [
      '[J4] a later round has its own time, from its first part on',
      [begin, ...round(), 1_000, tick, part(0, 2), 1_049, tick, 1_050, tick],
      [
        gathered(),
        over('rank 1 on b and rank 2 on c did not take part in round 2 of the side channel in time'),
      ],
      0,
    ],
    [
      '[J5] a rank is lost → over for all',
      [begin, part(0), lose(2)],
      [over('rank 2 on c is lost: it crashed')],
      0,
    ],
    [
      '[J5] the next attempt begins → the earlier one is over',
      [{ type: 'Begin', attempt: earlier, ranks }, part(0, 1, bytes(9), earlier), begin, ...round()],
      [over('the next attempt has begun', earlier), gathered()],
      1,
    ],
    [
      '[J5] the same attempt begins twice → it goes on',
      [begin, part(0), begin, part(1), part(2)],
      [gathered()],
      1,
    ],
    [
      '[J5] all ranks have what they need → nothing is kept',
      [begin, ...round(), leave(0), leave(2), leave(1)],
      [gathered()],
      0,
    ],
    [
      '[J5] a rank left and another goes on → over',
      [begin, ...round(), leave(0), part(1, 2)],
      [gathered(), over('rank 0 on a left the side channel before round 2')],
      0,
    ],
    [
      '[J5] a rank leaves within a round → over',
      [begin, part(1), leave(0)],
      [over('rank 0 on a left the side channel before round 1')],
      0,
    ],
  ];
  it.each(rows)('%s', (_, inputs, outputs, kept) => {
    const played = play(...inputs);
    expect(played.outputs).toEqual(outputs);
    expect(played.meetings.size).toBe(kept);
  });

  it('[J3] takes no more than the bound', () => {
    const much = new Uint8Array(MOST_PART_BYTES + 1);
    expect(play(begin, part(0, 1, much)).outputs).toMatchObject([{ type: 'Over' }]);
    expect(play(begin, part(0, 1, much.subarray(1))).outputs).toEqual([]);
  });

  it('[J4] says when to look again', () => {
    expect(nextDueAt(play(begin).meetings)).toBe(100);
    expect(nextDueAt(play(begin, ...round()).meetings)).toBeUndefined();
    expect(nextDueAt(play(begin, ...round(), 7, part(1, 2)).meetings)).toBe(57);
  });

  it('[J1, J2] gathers the same in whatever order, however often and late parts come', () => {
    const orders = fc.shuffledSubarray([0, 1, 2, 0, 1, 2, 1], { minLength: 7, maxLength: 7 });
    fc.assert(
      fc.property(fc.array(orders, { minLength: 1, maxLength: 6 }), (rounds) => {
        const inputs = rounds.flatMap((order, at) =>
          order.flatMap((rank) => [part(rank, at + 1), ...(at > 0 ? [part(rank, at, bytes(9))] : [])]),
        );
        const { outputs, meetings } = play(begin, ...inputs);
        expect(outputs).toEqual(rounds.map((_, at) => gathered(at + 1)));
        expect(meetings.size).toBe(1);
      }),
    );
  });
});

describe('a frame', () => {
  const frame = (content: Uint8Array): Uint8Array => Buffer.concat([frameHeader(content.length), content]);

  it('[J6] is a length of 4 bytes, the lowest first, and as many bytes', () => {
    expect([...frame(bytes(7, 8))]).toEqual([2, 0, 0, 0, 7, 8]);
    expect([...overFrame(bytes(7))]).toEqual([1, 0, 0, 128, 7]);
  });

  it('[J6] is put together from whatever pieces come', () => {
    const contents = fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { maxLength: 8 });
    fc.assert(
      fc.property(contents, fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1 }), (frames, cuts) => {
        const reader = new FrameReader();
        const whole = Buffer.concat(frames.map(frame));
        const read: Uint8Array[] = [];
        for (let at = 0, cut = 0; at < whole.length; cut += 1) {
          const length = cuts[cut % cuts.length]!;
          read.push(...reader.push(whole.subarray(at, at + length))!);
          at += length;
        }
        expect(read.map((each) => [...each])).toEqual(frames.map((each) => [...each]));
        expect(reader.isWithin).toBe(false);
      }),
    );
  });

  it.each([0, MOST_PART_BYTES + 1, 2 ** 31, 2 ** 32 - 1])('[J6] of %i bytes is none', (length) => {
    const reader = new FrameReader();
    expect(reader.push(frameHeader(length))).toBeNull();
    expect(reader.push(frame(bytes(1)))).toBeNull();
  });
});

describe('what MLX is told of the RDMA devices', () => {
  const devicesPath = '/tmp/devices.json';

  it('[J7] in a mesh: a device toward each other rank', () => {
    const mesh = [
      [null, 'rdma_en3', 'rdma_en4'],
      ['rdma_en3', null, 'rdma_en5'],
      ['rdma_en4', 'rdma_en5', null],
    ];
    expect(rdmaSetup(mesh, { rank: 2, devicesPath })).toEqual({
      file: '[[null,"rdma_en3","rdma_en4"],["rdma_en3",null,"rdma_en5"],["rdma_en4","rdma_en5",null]]\n',
      environment: { MLX_RANK: '2', MLX_IBV_DEVICES: devicesPath, MLX_JACCL_RING: null },
    });
  });

  it('[J7] in a ring of four, where only neighbours are connected: the ring is asked for', () => {
    const ring = [
      [null, 'rdma_en2', null, 'rdma_en3'],
      ['rdma_en3', null, 'rdma_en2', null],
      [null, 'rdma_en3', null, 'rdma_en2'],
      ['rdma_en2', null, 'rdma_en3', null],
    ];
    const { file, environment } = rdmaSetup(ring, { rank: 0, devicesPath });
    expect(JSON.parse(file)).toEqual(ring);
    expect(environment).toEqual({ MLX_RANK: '0', MLX_IBV_DEVICES: devicesPath, MLX_JACCL_RING: '1' });
  });
});
