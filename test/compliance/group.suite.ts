import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { NativeTests } from '../native/support/native-tests.ts';
import { freeAddresses } from '../native/support/ranks.ts';

export interface GroupUnderTest {
  /** The command by which a process of the native test program joins: `rank joinMs silenceMs secret address…` follow. */
  readonly join: string;
  /** Whether it ends in time, names who is gone and turns strangers away: MLX's own do nothing of it. */
  readonly deadlines: boolean;
}

const JOIN_MS = 20_000;
const SILENCE_MS = 1_000;

/** What every group of ranks owes the engine, seen by real processes. */
export function groupSuite(name: string, subject: GroupUnderTest): void {
  describe(name, () => {
    const processes: NativeTests[] = [];
    afterEach(async () => {
      await Promise.all(processes.splice(0).map((each) => each.kill()));
    });

    const start = (size: number): NativeTests[] => {
      const started = Array.from({ length: size }, () => new NativeTests());
      processes.push(...started);
      return started;
    };
    const secret = (): string => randomBytes(16).toString('hex');

    const joinOne = (
      rank: NativeTests,
      index: number,
      addresses: readonly string[],
      key: string,
      joinMs: number,
    ): Promise<Record<string, unknown>> =>
      rank.run(subject.join, index, joinMs, SILENCE_MS, key, ...addresses);

    const formed = async (size: number): Promise<NativeTests[]> => {
      const ranks = start(size);
      const addresses = await freeAddresses(size);
      const key = secret();
      const replies = await Promise.all(
        ranks.map((rank, index) => joinOne(rank, index, addresses, key, JOIN_MS)),
      );
      expect(replies).toEqual(ranks.map((_, rank) => ({ rank, size })));
      return ranks;
    };
    const all = (ranks: readonly NativeTests[], command: string, ...words: (string | number)[]) =>
      Promise.all(ranks.map((rank) => rank.run(command, ...words)));

    it.each([
      { size: 2, bytes: 0 },
      { size: 2, bytes: 4 << 20 },
      { size: 3, bytes: 1000 },
      { size: 4, bytes: 300_000 },
    ])('gathers $bytes bytes of $size ranks by rank, round after round', async ({ size, bytes }) => {
      const replies = await all(await formed(size), 'gather', bytes, 20);
      for (const reply of replies) expect(reply).toMatchObject({ wrong: 0 });
    });

    it('keeps the messages between two ranks whole and in order, larger than any buffer too', async () => {
      const [, second, third] = (await formed(3)) as [NativeTests, NativeTests, NativeTests];
      for (const bytes of [0, 1, 70_000, 9_000_000]) {
        const [, received] = await Promise.all([
          second.run('send', 2, bytes, 5, 4),
          third.run('receive', 1, bytes, 5, 4),
        ]);
        expect(received).toEqual({ wrong: 0 });
      }
    });

    it('sums to the same bits on every rank', async () => {
      const replies = await all(await formed(3), 'sum', 10_000, 30);
      expect(replies[0]?.['failure']).toBeUndefined();
      expect(new Set(replies.map(({ hash }) => hash)).size).toBe(1);
    });

    it('waits for a message no longer than asked, and finds one that is there', async () => {
      const [first, second] = (await formed(2)) as [NativeTests, NativeTests];
      expect(await first.run('await', 1, 50)).toEqual({ came: false });
      await second.run('send', 0, 10, 1, 1);
      expect(await first.run('await', 1, 5_000)).toEqual({ came: true });
      expect(await first.run('receive', 1, 10, 1, 1)).toEqual({ wrong: 0 });
    });

    it('takes a rank that computes for longer than the silence for a slow one, not a dead one', async () => {
      const [first, second] = (await formed(2)) as [NativeTests, NativeTests];
      const waiting = first.run('receive', 1, 100, 1, 1);
      await new Promise((resolve) => setTimeout(resolve, 2.5 * SILENCE_MS));
      await second.run('send', 0, 100, 1, 1);
      expect(await waiting).toEqual({ wrong: 0 });
    });

    it.runIf(subject.deadlines)('ends on all ranks when one aborts, and stays ended', async () => {
      const [first, second, third] = (await formed(3)) as [NativeTests, NativeTests, NativeTests];
      const waiting = [second, third].map((rank) => rank.run('receive', 0, 1, 1, 1));
      await first.run('abort');
      for (const reply of await Promise.all(waiting)) expect(reply['failure']).toContain('rank 0');
      for (const rank of [first, second, third]) {
        expect((await rank.run('gather', 8, 1))['failure']).toBeDefined();
      }
    });

    it.runIf(subject.deadlines)(
      'tells the ranks that wait, and those that do not, that one was killed',
      async () => {
        const [first, second, third] = (await formed(3)) as [NativeTests, NativeTests, NativeTests];
        const waiting = first.run('receive', 1, 1, 1, 1);
        const begin = performance.now();
        await third.kill();
        expect((await waiting)['failure']).toContain('rank 2');
        await expect
          .poll(async () => (await second.run('check'))['failure'], { interval: 20 })
          .toContain('rank 2');
        expect(performance.now() - begin).toBeLessThan(2 * SILENCE_MS);
      },
    );

    it.runIf(subject.deadlines)('notices a stopped rank within the silence, in a sum too', async () => {
      const [first, second, third] = (await formed(3)) as [NativeTests, NativeTests, NativeTests];
      third.signal('SIGSTOP');
      const begin = performance.now();
      const replies = await Promise.all([first.run('sum', 100, 3), second.run('sum', 100, 3)]);
      for (const reply of replies) expect(reply['failure']).toContain('rank 2');
      expect(performance.now() - begin).toBeLessThan(3 * SILENCE_MS);
    });

    it.runIf(subject.deadlines)('says who is missing when the time to join is over', async () => {
      const [first] = start(1) as [NativeTests];
      const addresses = await freeAddresses(2);
      const reply = await joinOne(first, 0, addresses, secret(), 300);
      expect(reply['failure']).toContain('rank 1');
      expect(reply['failure']).toContain(addresses[1]);
    });

    it.runIf(subject.deadlines)('refuses a rank with another secret, on both sides', async () => {
      const [first, second] = start(2) as [NativeTests, NativeTests];
      const addresses = await freeAddresses(2);
      const replies = await Promise.all([
        joinOne(first, 0, addresses, secret(), 1_500),
        joinOne(second, 1, addresses, secret(), 1_500),
      ]);
      expect(replies[0]?.['failure']).toContain('secret');
      expect(replies[1]?.['failure']).toContain('rank 0');
    });

    it.runIf(subject.deadlines)('turns strangers away and goes on joining', async () => {
      const [first, second] = start(2) as [NativeTests, NativeTests];
      const addresses = await freeAddresses(2);
      const key = secret();
      const joining = joinOne(first, 0, addresses, key, JOIN_MS);
      const [host, port] = (addresses[0] as string).split(':') as [string, string];
      for (const garbage of ['GET / HTTP/1.1\r\n\r\n'.repeat(4), 'SkeinGr1'.padEnd(400, '\u0001'), '']) {
        await new Promise<void>((resolve) => {
          const stranger = connect(Number(port), host, () => stranger.end(garbage));
          stranger.on('error', () => undefined);
          stranger.on('close', () => resolve());
        });
      }
      expect(await joinOne(second, 1, addresses, key, JOIN_MS)).toEqual({ rank: 1, size: 2 });
      expect(await joining).toEqual({ rank: 0, size: 2 });
    });
  });
}
