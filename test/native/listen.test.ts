import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { GroupOptions, LoadOptions } from '../../native/addon.d.ts';
import { codeOf, EngineRun } from './support/engine-run.ts';
import { freeAddresses, groupOptions, Rank, shardOptions } from './support/ranks.ts';

const ranks: Rank[] = [];
const runs: EngineRun[] = [];
const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await Promise.all(ranks.splice(0).map((rank) => rank.close()));
  await Promise.all(runs.splice(0).map(({ engine }) => engine.close()));
});

const engine = (): EngineRun['engine'] => {
  const run = new EngineRun();
  runs.push(run);
  return run.engine;
};

const dial = (port: number, host = '127.0.0.1'): Promise<'accepted' | 'refused'> =>
  new Promise((resolve) => {
    const socket = connect(port, host, () => resolve('accepted'));
    socket.on('error', () => resolve('refused'));
    sockets.push(socket);
  });

/** Options of a rank whose peers never come. */
const lonely = async (port: number): Promise<GroupOptions> => {
  const [options] = (await groupOptions(2, { joinMs: 200 })) as [GroupOptions];
  const [other] = (await freeAddresses(1)) as [string];
  return { ...options, addresses: [`127.0.0.1:${port}`, other] };
};

describe('a rank that listens before its peers are known', () => {
  it('joins those who connect to the port that it was given, however early', async () => {
    const group = [new Rank(), new Rank(), new Rank()] as const;
    ranks.push(...group);
    const ports = await Promise.all(group.map((rank) => rank.listen('127.0.0.1')));
    expect(new Set(ports).size).toBe(3);
    const addresses = ports.map((port) => `127.0.0.1:${port}`);
    const options = await groupOptions(3, { addresses });
    const join = (rank: 0 | 1 | 2): Promise<void> => group[rank].connect(options[rank] as GroupOptions);
    const early = [join(2), join(1)];
    await new Promise((resolve) => setTimeout(resolve, 300));
    await Promise.all([...early, join(0)]);
    const shards = shardOptions('Pipeline', 3);
    await Promise.all(group.map((rank, index) => rank.load(shards[index] as LoadOptions)));
    expect(await group[0].generate({ maxTokens: 3 })).toHaveLength(3);
    expect(await dial(ports[0] as number), 'the group is whole').toBe('refused');
  }, 60_000);

  it.each(['0.0.0.0', '::'])('is reached over all its addresses at %s', async (host) => {
    const port = engine().listen(host);
    expect(await dial(port)).toBe('accepted');
  });

  it('lets go of the port when another takes its place and when joining fails', async () => {
    const listening = engine();
    const [first, second] = [listening.listen('127.0.0.1'), listening.listen('127.0.0.1')];
    expect([await dial(first), await dial(second)]).toEqual(['refused', 'accepted']);
    await expect(listening.connect(await lonely(second), () => {})).rejects.toMatchObject({
      code: 'GroupLost',
    });
    expect(await dial(second)).toBe('refused');
    expect(await dial(listening.listen('127.0.0.1')), 'for the next attempt').toBe('accepted');
  });

  it('lets go of the port when it is closed, also while it joins', async () => {
    const [idle, joining] = [engine(), engine()];
    const ports = [idle.listen('127.0.0.1'), joining.listen('127.0.0.1')] as const;
    const options = { ...(await lonely(ports[1])), joinMs: 60_000 };
    const outcome = expect(joining.connect(options, () => {})).rejects.toMatchObject({ code: 'Closed' });
    await Promise.all([idle.close(), joining.close()]);
    await outcome;
    expect([await dial(ports[0]), await dial(ports[1])]).toEqual(['refused', 'refused']);
    expect(codeOf(() => idle.listen('127.0.0.1'))).toBe('Closed');
  });

  it('refuses what is no address and what is not one of this machine', () => {
    const listening = engine();
    for (const host of ['', 'localhost', '127.0.0.1:80', 'fe80::1%'])
      expect(
        codeOf(() => listening.listen(host)),
        host,
      ).toBe('BadArgument');
    expect(codeOf(() => listening.listen('192.0.2.1'))).toBe('GroupLost');
  });
});
