import { afterEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../../main/node/clock.ts';
import { createLog } from '../../../main/node/log.ts';
import { acceptKeys, spreadKey, type Rotated } from '../../../main/node/membership/rotation.ts';
import type { PeerNetwork } from '../../../main/node/peer/network.ts';
import { idOf, keyOf, realNetwork } from '../../support/real-peers.ts';

const log = createLog({ level: 'silent', now: () => 0, write: () => undefined });
const rotated: Rotated = { key: keyOf(9), generation: 2 };
let networks: PeerNetwork[] = [];
afterEach(async () => {
  await Promise.all(networks.map((network) => network.stop()));
  networks = [];
});

/** Two members that are connected; the second takes keys, or not. */
async function connected(takes: boolean | 'Throws' | 'NoHandler'): Promise<{
  readonly from: PeerNetwork;
  readonly stored: Rotated[];
  readonly used: (readonly string[])[];
}> {
  const [from, to] = [realNetwork('desk'), realNetwork('laptop')];
  networks = [from, to];
  await Promise.all(networks.map((network) => network.start()));
  const stored: Rotated[] = [];
  const used: (readonly string[])[] = [];
  if (takes !== 'NoHandler') {
    acceptKeys(
      { clock: systemClock, log, network: to },
      {
        store: (_from, given) => {
          if (takes === 'Throws') throw new Error('the disk is full');
          if (takes) stored.push(given);
          return takes;
        },
        use: (addresses) => used.push(addresses),
      },
    );
  }
  await from.dial(to.status.listening[0] ?? '');
  await expect.poll(() => from.peers.length).toBe(1);
  await expect.poll(() => to.peers.length).toBe(1);
  return { from, stored, used };
}

describe('a new key', () => {
  test('is stored by the member, which then goes on under it and knows where the others are', async () => {
    const { from, stored, used } = await connected(true);
    const told = await spreadKey(
      { clock: systemClock, log, network: from },
      { rotated, to: [idOf('laptop')] },
    );
    expect(told.stored).toEqual([idOf('laptop')]);
    expect(told.addresses).toHaveLength(2);
    expect(stored).toEqual([rotated]);
    await expect.poll(() => used).toEqual([told.addresses]);
  });

  test.each<[string, false | 'Throws' | 'NoHandler']>([
    ['who has a newer one', false],
    ['whose disk is full', 'Throws'],
    ['who takes none', 'NoHandler'],
  ])(
    'a member %s → it is told as one that has to be paired again, and keeps its key',
    async (_name, takes) => {
      const { from, used } = await connected(takes);
      const told = await spreadKey(
        { clock: systemClock, log, network: from },
        { rotated, to: [idOf('laptop'), idOf('nobody')] },
      );
      expect(told.stored).toEqual([]);
      expect(used).toEqual([]);
    },
  );

  test('a member that answers nonsense has not got it, and nothing stays open', async () => {
    const { from } = await connected('NoHandler');
    const { promise: closed, resolve } = Promise.withResolvers<string>();
    networks[1]?.handle('key', (stream) => {
      const untilEnd = async (): Promise<void> => {
        await stream.send({ type: 'Nonsense' });
        for await (const _message of stream.messages);
      };
      untilEnd().then(
        () => resolve('ended'),
        () => resolve('ended'),
      );
    });
    const told = await spreadKey(
      { clock: systemClock, log, network: from },
      { rotated, to: [idOf('laptop')] },
    );
    expect(told.stored).toEqual([]);
    await expect(closed).resolves.toBe('ended');
  });

  test.each<[string, object]>([
    ['with half a key', { type: 'NewKey', key: 'abcd', generation: 2 }],
    ['of no generation', { type: 'NewKey', key: 'ab'.repeat(32), generation: 0 }],
    ['that is none', { type: 'Hello' }],
  ])('a message %s → not taken', async (_name, message) => {
    const { from, stored, used } = await connected(true);
    const stream = await from.open(idOf('laptop'), 'key');
    await stream.send(message);
    const { done } = await stream.messages[Symbol.asyncIterator]().next();
    expect(done).toBe(true);
    expect([...stored, ...used]).toEqual([]);
  });
});
