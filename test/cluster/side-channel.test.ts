import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readdirSync, readSync, rmSync } from 'node:fs';
import { appendFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { frameHeader, type SideChannelWord } from '../../main/core/contract/side-channel.ts';
import { KiB, MiB } from '../../main/core/unit.ts';
import { systemClock } from '../../main/node/clock.ts';
import { RankPipes } from '../../main/node/side-channel/rank-pipes.ts';
import type { OpenSideChannel } from '../../main/node/side-channel/side-channels.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { idOf } from '../support/real-peers.ts';
import { attemptOf, RankProcess, runnerOf, SideChannelDesk } from '../support/side-channel-desk.ts';
import type { RankRounds, RankWord } from '../support/side-channel-rank.ts';

let desk: SideChannelDesk;

afterEach(async () => {
  await desk.close();
});

async function all(size: number, incarnation = 0): Promise<readonly RankProcess[]> {
  const ranks = Array.from({ length: size }, (_, rank) => desk.join(rank, attemptOf(incarnation)));
  for (const rank of ranks) expect(await rank.word()).toEqual({ type: 'Opened' });
  return ranks;
}

async function gather(ranks: readonly RankProcess[], rounds: RankRounds): Promise<readonly RankWord[]> {
  for (const rank of ranks) rank.gather(rounds);
  return Promise.all(ranks.map((rank) => rank.word()));
}

/** As the worker does once an attempt is over on its node. */
function end(incarnation = 0): void {
  for (const [rank, { channels }] of desk.nodes.entries())
    channels.close(runnerOf(attemptOf(incarnation), rank), 'the attempt is over');
}

/** Nothing is kept of any attempt, on any node. */
async function nothingIsLeft(): Promise<void> {
  for (const { channels, folder } of desk.nodes) {
    await expect.poll(() => channels.counts).toEqual({ ranks: 0, attempts: 0 });
    expect(readdirSync(folder)).toEqual([]);
  }
}

const lost = (message: RegExp): object => ({
  type: 'Threw',
  code: 'GroupLost',
  message: expect.stringMatching(message) as string,
});
const once: RankRounds = { rounds: 1, bytes: 64 };
const often: RankRounds = { rounds: 1_000_000, bytes: 64 };

describe('ranks that meet over their side channel', () => {
  it.each([
    { size: 2, rounds: 1_000, bytes: 64 },
    { size: 3, rounds: 20, bytes: 64 * KiB },
    { size: 4, rounds: 1, bytes: 4 * MiB },
  ])('gather $rounds times, $size of them $bytes bytes', async ({ size, rounds, bytes }) => {
    desk = await SideChannelDesk.open(size);
    const ranks = await all(size);
    for (const word of await gather(ranks, { rounds, bytes })) expect(word.type).toBe('Done');
    for (const [rank, { channels }] of desk.nodes.entries()) channels.leave(runnerOf(attemptOf(), rank));
    await nothingIsLeft();
  });
});

describe('when a rank is lost', () => {
  beforeEach(async () => {
    desk = await SideChannelDesk.open(3, { roundMs: 1_500 });
  });

  it('before it opened its pipes, the others are told who is missing', async () => {
    await desk.close();
    desk = await SideChannelDesk.open(3, { joinMs: 4_000 });
    const ranks = [desk.join(0), desk.join(1)];
    for (const rank of ranks) expect(await rank.word()).toEqual({ type: 'Opened' });
    const words = await gather(ranks, once);
    expect(words).toEqual(ranks.map(() => lost(/rank 2 on node-2 did not take part in round 1/)));
    end();
    await nothingIsLeft();
  });

  it.each([0, 1, 2])('between rounds, rank %i, the others are told at once', async (which) => {
    const ranks = await all(3);
    for (const word of await gather(ranks, once)) expect(word.type).toBe('Done');
    const others = ranks.filter((_, rank) => rank !== which);
    for (const rank of others) rank.gather(once);
    await ranks[which]!.kill();
    for (const rank of others) {
      expect(await rank.word()).toEqual(
        lost(new RegExp(`rank ${which} on node-${which} is lost: its runner crashed`)),
      );
    }
    end();
    await nothingIsLeft();
  });

  it('in the middle of a round and of its frames, the others are told', async () => {
    const ranks = await all(3);
    for (const rank of ranks) rank.gather({ rounds: 50, bytes: MiB });
    await new Promise((resolve) => setTimeout(resolve, 150));
    await ranks[1]!.kill();
    expect(await ranks[0]!.word()).toEqual(lost(/rank 1 on node-1 is lost/));
    expect(await ranks[2]!.word()).toEqual(lost(/rank 1 on node-1 is lost/));
    end();
    await nothingIsLeft();
  });

  it('because it stands still, the round ends in time and names it', async () => {
    const ranks = await all(3);
    for (const word of await gather(ranks, once)) expect(word.type).toBe('Done');
    ranks[2]!.stop();
    const words = await gather(ranks.slice(0, 2), once);
    expect(words).toEqual([1, 2].map(() => lost(/rank 2 on node-2 did not take part in round 2/)));
    end();
    await nothingIsLeft();
  });

  it('with its node, between rounds or within one, the others are told', async () => {
    const ranks = await all(3);
    for (const rank of ranks) rank.gather(often);
    await new Promise((resolve) => setTimeout(resolve, 100));
    await desk.nodes[1]!.network.stop();
    for (const rank of [ranks[0]!, ranks[2]!])
      expect(await rank.word()).toEqual(lost(/rank 1 on node-1 is lost: the connection to its node broke/));
    end();
    await nothingIsLeft();
  });

  it('with the node at which they meet, every rank is told', async () => {
    const ranks = await all(3);
    for (const rank of ranks) rank.gather(often);
    await new Promise((resolve) => setTimeout(resolve, 100));
    await desk.nodes[0]!.network.stop();
    for (const rank of ranks.slice(1))
      expect(await rank.word()).toEqual(
        lost(/the connection to rank 0 on node-0, where the ranks meet, broke/),
      );
    end();
    await nothingIsLeft();
  });

  it('or deleted with its Instance, nothing is left and the next attempt gathers', async () => {
    const first = await all(3);
    for (const rank of first) rank.gather(often);
    await new Promise((resolve) => setTimeout(resolve, 50));
    end();
    for (const rank of first) expect(await rank.word()).toMatchObject({ type: 'Threw', code: 'GroupLost' });
    await nothingIsLeft();
    const second = await all(3, 1);
    for (const word of await gather(second, { rounds: 50, bytes: 64 })) expect(word.type).toBe('Done');
    end(1);
    await nothingIsLeft();
  });
});

describe('what does not belong to the round', () => {
  /** Rank 1's runner is this test. */
  function pipesOf(rank: number, incarnation = 0): OpenSideChannel {
    const attempt = attemptOf(incarnation);
    const opened = desk.nodes[rank]!.channels.open(runnerOf(attempt, rank), desk.seat(rank, attempt));
    if (!opened.ok) throw new Error(opened.error);
    return opened.value;
  }

  const frame = (bytes: number): Buffer =>
    Buffer.concat([frameHeader(bytes), Buffer.alloc(Math.min(bytes, 1_024), 7)]);

  beforeEach(async () => {
    desk = await SideChannelDesk.open(2);
  });

  it.each([
    ['of no bytes', frame(0), /a length that is not allowed/],
    ['of more than 4 MiB', frame(4 * MiB + 1), /a length that is not allowed/],
    [
      'that nobody waits for',
      Buffer.concat([frame(64), frame(64)]),
      /a second frame before the first was answered/,
    ],
  ])('a frame %s ends the attempt', async (_, bytes, why) => {
    const rank = desk.join(0);
    expect(await rank.word()).toEqual({ type: 'Opened' });
    await appendFile(pipesOf(1).up, bytes);
    await expect.poll(() => desk.nodes[0]!.channels.counts.attempts).toBe(0);
    rank.gather(once);
    expect(await rank.word()).toEqual(lost(why));
    end();
    await nothingIsLeft();
  });

  it('a frame of another length than the others ends the attempt', async () => {
    const rank = desk.join(0);
    expect(await rank.word()).toEqual({ type: 'Opened' });
    rank.gather(once);
    await appendFile(pipesOf(1).up, frame(65));
    expect(await rank.word()).toEqual(lost(/gave (64|65) bytes to round 1 of the side channel/));
    end();
    await nothingIsLeft();
  });

  it('a frame that its runner began when it crashed is dropped, and the others are told', async () => {
    const rank = desk.join(0);
    expect(await rank.word()).toEqual({ type: 'Opened' });
    rank.gather(once);
    await appendFile(pipesOf(1).up, frame(64).subarray(0, 30));
    desk.nodes[1]!.channels.close(runnerOf(attemptOf(), 1), 'its runner crashed');
    expect(await rank.word()).toEqual(lost(/rank 1 on node-1 is lost: its runner crashed/));
    end();
    await nothingIsLeft();
  });

  it('a rank whose node says nothing gives up by itself, before it is open and after', async () => {
    const deaf = desk.join(0, attemptOf(), 300);
    expect(await deaf.word()).toEqual({ type: 'Opened' });
    deaf.gather(once);
    expect(await deaf.word()).toEqual(lost(/did not bring what the other ranks said within 300 ms/));
    const { folder } = desk.nodes[1]!;
    const [up, down] = [`${folder}/up`, `${folder}/down`];
    execFileSync('mkfifo', [up, down]);
    const alone = new RankProcess({ rank: 0, size: 2, up, down, openMs: 200, roundMs: 200 });
    expect(await alone.word()).toEqual(lost(/its node did not open the side channel in time/));
    await alone.kill();
  });

  it('late and doubled parts of another node change nothing', async () => {
    const rank = desk.join(0);
    expect(await rank.word()).toEqual({ type: 'Opened' });
    const stream = await desk.nodes[1]!.network.open(idOf('node-0'), 'side');
    const messages = stream.messages[Symbol.asyncIterator]();
    const say = (word: SideChannelWord): Promise<void> => stream.send(word);
    const part = async (sequence: number, of: number): Promise<void> => {
      await say({ type: 'Part', sequence });
      await stream.sendBytes(Buffer.alloc(64, `1:${of};`));
    };
    await say({ type: 'Join', attempt: attemptOf(), rank: 1 });
    expect((await messages.next()).value).toEqual({ json: { type: 'Joined' } });
    rank.gather({ rounds: 3, bytes: 64 });
    for (const round of [1, 2, 3]) {
      await part(round, round - 1);
      await part(round, 7);
      if (round > 1) await part(round - 1, 7);
      expect((await messages.next()).value).toEqual({
        json: { type: 'Gathered', sequence: round, ranks: 2 },
      });
      await messages.next();
      await messages.next();
    }
    expect(await rank.word()).toMatchObject({ type: 'Done' });
    await say({ type: 'Leave' });
    desk.nodes[0]!.channels.leave(runnerOf(attemptOf(), 0));
    await nothingIsLeft();
  });

  it('nobody joins for another rank, another attempt, or a second time', async () => {
    desk.join(0);
    const join = async (word: Omit<Extract<SideChannelWord, { type: 'Join' }>, 'type'>): Promise<unknown> => {
      const stream = await desk.nodes[1]!.network.open(idOf('node-0'), 'side');
      await stream.send({ type: 'Join', ...word });
      return (await stream.messages[Symbol.asyncIterator]().next()).value;
    };
    const notHere = { json: { type: 'NotHere' } };
    expect(await join({ attempt: attemptOf(), rank: 0 })).toEqual(notHere);
    expect(await join({ attempt: attemptOf(), rank: 63 })).toEqual(notHere);
    expect(await join({ attempt: attemptOf(1), rank: 1 })).toEqual(notHere);
    expect(await join({ attempt: attemptOf(), rank: 1 })).toEqual({ json: { type: 'Joined' } });
    expect(await join({ attempt: attemptOf(), rank: 1 })).toEqual(notHere);
  });

  it('what a killed node left behind is gone at the next start', async () => {
    const { folder, channels } = desk.nodes[0]!;
    await writeFile(`${folder}/rank-old`, '');
    await channels.start();
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe('the pipes of one rank', () => {
  let folder: string;
  let pipes: RankPipes;
  let frames: number;
  let broken: string[];

  beforeEach(async () => {
    desk = await SideChannelDesk.open(0);
    folder = mkdtempSync(join(tmpdir(), 'skein-pipes-'));
    [frames, broken] = [0, []];
    pipes = new RankPipes(
      { clock: systemClock },
      { folder, listener: { onFrame: () => (frames += 1), onBroken: (why) => broken.push(why) } },
    );
  });

  afterEach(() => {
    pipes.close();
    pipes.close();
    expect(readdirSync(folder)).toEqual([]);
    rmSync(folder, { recursive: true });
  });

  it('hold the answer to one round, and no second one that is not read', async () => {
    const frame = Buffer.from([1, 0, 0, 0, 7]);
    for (const round of [1, 2]) {
      await appendFile(pipes.up, frame);
      await expect.poll(() => frames).toBe(round);
      pipes.answer([new Uint8Array(MiB)]);
    }
    expect(broken).toEqual(['it did not read what the other ranks gave']);
  });

  it.each([
    [
      'a frame that its rank began and did not end',
      Buffer.from([9, 0, 0, 0, 7]),
      'it did not end a frame that it began within 10 s',
    ],
    [
      'an answer that its rank does not read',
      Buffer.from([1, 0, 0, 0, 7]),
      'it did not read what the other ranks gave within 10 s',
    ],
  ])('wait for %s, but not for ever', async (_, bytes, why) => {
    const clock = new FakeClock();
    const timed = new RankPipes(
      { clock },
      { folder, listener: { onFrame: () => (frames += 1), onBroken: (said) => broken.push(said) } },
    );
    await appendFile(timed.up, bytes);
    if (bytes[0] === 1) await expect.poll(() => frames).toBe(1);
    timed.answer([new Uint8Array(MiB)]);
    await expect.poll(() => clock.waiting).toBe(1);
    await clock.advance(9_999);
    expect(broken).toEqual([]);
    await clock.advance(1);
    expect(broken).toEqual([why]);
    timed.close();
    expect(clock.waiting).toBe(0);
  });

  it('take no answer that nobody asked for', () => {
    pipes.answer([new Uint8Array(MiB)]);
    pipes.end('over');
    pipes.end('twice');
    const told = openSync(pipes.down, constants.O_RDONLY | constants.O_NONBLOCK);
    const read = Buffer.alloc(64);
    expect(read.subarray(0, readSync(told, read)).toString('hex')).toBe(
      `04000080${Buffer.from('over').toString('hex')}`,
    );
    closeSync(told);
    expect(broken).toEqual([]);
  });
});
