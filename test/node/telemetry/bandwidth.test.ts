import { connect } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../../main/node/clock.ts';
import type { PeerNetwork } from '../../../main/node/peer/network.ts';
import { Bandwidth } from '../../../main/node/telemetry/bandwidth.ts';
import { until } from '../../support/e2e-until.ts';
import { idOf, realNetwork } from '../../support/real-peers.ts';

const MiB = 1024 * 1024;
const open: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.stop();
});

async function pair(): Promise<{ a: Bandwidth; b: Bandwidth; network: PeerNetwork; other: PeerNetwork }> {
  const network = realNetwork('a');
  await network.start();
  const other = realNetwork('b', { peers: [network.status.listening[0] ?? ''] });
  await other.start();
  const [a, b] = [network, other].map((each) => new Bandwidth({ clock: systemClock, network: each }));
  if (a === undefined || b === undefined) throw new Error('none');
  for (const each of [a, b]) await each.start();
  open.push(network, other, a, b);
  await until('both are connected', () => network.peers.length === 1 && other.peers.length === 1, 20_000);
  return { a, b, network, other };
}

const connectionTo = (network: PeerNetwork) => {
  const [peer] = network.peers;
  if (peer === undefined) throw new Error('not connected');
  return peer;
};

describe('the bandwidth of a link, between two real nodes', () => {
  test('a transfer takes as long as it says, in both directions', async () => {
    const { a, b, network, other } = await pair();
    for (const [probe, from] of [
      [a, network],
      [b, other],
    ] as const) {
      const tookMs = await probe.transfer(connectionTo(from), 8 * MiB, 10_000);
      expect(tookMs).toBeGreaterThan(0);
      expect(tookMs).toBeLessThan(10_000);
    }
  });

  test('who is probed by one says Busy to another; both come to an end', async () => {
    const { a, network } = await pair();
    const results = await Promise.allSettled(
      [1, 2].map(() => a.transfer(connectionTo(network), 32 * MiB, 10_000)),
    );
    expect(results.map(({ status }) => status)).toContain('fulfilled');
    const refused = results.flatMap((each) => (each.status === 'rejected' ? [String(each.reason)] : []));
    for (const reason of refused) expect(reason).toContain('Busy');
  });

  test('a stranger who connects to the port does not count', async () => {
    const { network, other } = await pair();
    const stream = await network.open(idOf('b'), 'bulk');
    await stream.send({ type: 'Probe', bytes: 10 });
    const words = stream.messages[Symbol.asyncIterator]();
    const first = await words.next();
    const { port } = (first.value as { json: { port: number } }).json;
    const stranger = connect({ host: connectionTo(other).localAddress, port });
    stranger.on('error', () => undefined);
    stranger.write(Buffer.alloc(1_000));
    await new Promise((resolve) => stranger.on('close', resolve));
    stream.abort('enough');
    await expect(words.next().then(({ value }) => value as unknown)).rejects.toThrow();
  });

  test('stopped meanwhile → it is given up at once', async () => {
    const { a, network } = await pair();
    const probing = a.transfer(connectionTo(network), 32 * MiB, 10_000);
    await a.stop();
    await expect(probing)
      .rejects.toThrow('given up')
      .catch(async () => {
        // Loopback may have been faster than the stop.
        await expect(probing).resolves.toBeGreaterThan(0);
      });
  });

  test('a request that is none ends the stream', async () => {
    const { network } = await pair();
    const stream = await network.open(idOf('b'), 'bulk');
    await stream.send({ type: 'Probe', bytes: 1e12 });
    await expect(
      (async () => {
        for await (const message of stream.messages) return message;
        return 'ended';
      })(),
    ).rejects.toThrow();
  });
});
