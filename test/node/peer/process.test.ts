import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { PeerNetworkInit } from '../../../main/node/peer/peer-network.ts';
import { PeerProcess } from '../../support/peer-process.ts';
import { PeerRecord } from '../../support/peer-record.ts';
import { idOf, realNetwork } from '../../support/real-peers.ts';

const soon = { interval: 10, timeout: 15_000 };
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function start(who: string, init: Partial<PeerNetworkInit> = {}): Promise<PeerRecord> {
  const record = new PeerRecord(realNetwork(who, init));
  cleanups.push(() => record.network.stop());
  await record.network.start();
  return record;
}

function spawnPeer(init: ConstructorParameters<typeof PeerProcess>[0]): PeerProcess {
  const peer = new PeerProcess(init);
  cleanups.push(() => peer.kill());
  return peer;
}

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'skein-peers-'));
  cleanups.push(() => rmSync(path, { recursive: true }));
  return path;
}

describe('processes that end, stop and come back', () => {
  it('a killed process is missed within a second, and is another session when it is back', async () => {
    const a = await start('a');
    const init = { who: 'b', key: 1, host: '127.0.0.1', peers: [a.address] };
    const b = spawnPeer(init);
    await a.untilPeers(1);
    const since = performance.now();
    await b.kill();
    await expect.poll(() => a.log, soon).toEqual(['+b b-1', '-b']);
    expect(performance.now() - since).toBeLessThan(1_000);
    spawnPeer({ ...init, sessionId: 'b-2' });
    await expect.poll(() => a.log, soon).toEqual(['+b b-1', '-b', '+b b-2']);
  });

  it('one that falls silent without a word is missed within four seconds, and is back when it goes on', async () => {
    const a = await start('a');
    const b = spawnPeer({ who: 'b', key: 1, host: '127.0.0.1', peers: [a.address] });
    await a.untilPeers(1);
    const since = performance.now();
    b.child.kill('SIGSTOP');
    await expect.poll(() => a.log, soon).toEqual(['+b b-1', '-b']);
    expect(performance.now() - since).toBeLessThan(4_000);
    b.child.kill('SIGCONT');
    await a.untilPeers(1);
    expect((await b.report()).peers).toHaveLength(1);
  });

  it('without --peer, those met before are found again after a restart, from either side', async () => {
    const path = join(folder(), 'peers.json');
    const a = await start('a', { bookPath: path });
    const b = await start('b', { peers: [a.address] });
    await Promise.all([a.untilPeers(1), b.untilPeers(1)]);
    await a.network.stop();
    const again = await start('a', { bookPath: path, sessionId: 'a-2' });
    expect(again.network.remembered).toEqual([idOf('b')]);
    await again.untilPeers(1);
    await expect.poll(() => b.log, soon).toEqual(['+a a-1', '-a', '+a a-2']);
  });

  it('a file of addresses that is damaged, or of another cluster, does not keep a node from its work', async () => {
    const path = join(folder(), 'peers.json');
    writeFileSync(path, '{"version":1,"nodes":[{"nodeId":');
    const a = await start('a', { bookPath: path });
    expect(a.network.remembered).toEqual([]);
    await start('b', { peers: [a.address] });
    await a.untilPeers(1);
    await a.network.stop();
    expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ nodes: [{ nodeId: idOf('b') }] });
    const moved = realNetwork('a', { bookPath: path, clusterKey: new Uint8Array(32).fill(9) });
    expect(moved.remembered).toEqual([]);
  });
});

describe('what a node says of its network', () => {
  it('a port that is taken: says so, dials others all the same', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    cleanups.push(() => server.close());
    const { port } = server.address() as { port: number };
    const a = await start('a');
    const b = await start('b', { port, peers: [a.address] });
    expect(b.network.status).toMatchObject({
      listening: [],
      problem: expect.stringContaining(`port ${port}`),
    });
    await a.untilPeers(1);
  });

  it('nobody at an address: named as unreachable after some attempts, and no longer once it is there', async () => {
    const first = await start('a');
    const { address } = first;
    const port = Number(address.split('/')[4]);
    await first.network.stop();
    const b = await start('b', { peers: [address] });
    await expect
      .poll(() => b.network.status.refused, soon)
      .toMatchObject([{ code: 'Unreachable', message: expect.stringContaining('Nobody answers') }]);
    await start('a', { port, sessionId: 'a-2' });
    await b.untilPeers(1);
    expect(b.network.status.refused).toEqual([]);
  });

  it('both protocol families: IPv6 alone connects too, and round trips are measured', async () => {
    const a = await start('a', { host: '::1' });
    const b = await start('b', { host: '::1', peers: [a.address] });
    await b.untilPeers(1);
    await expect.poll(() => b.network.peers[0]?.roundTripMs, soon).toBeGreaterThan(0);
    expect(b.network.peers[0]).toMatchObject({ localAddress: '::1', remoteAddress: '::1' });
  });

  it.each(['dns', 'dns4'])('a computer is dialled by its name (%s)', async (kind) => {
    const a = await start('a');
    const b = await start('b');
    const address = a.address.replace(/^\/ip4\/127.0.0.1/, `/${kind}/localhost`).replace(/\/p2p.*/, '');
    expect(await b.network.dial(address)).toEqual({ nodeId: idOf('a') });
    expect(await b.network.dial(`/${kind}/nobody.invalid/tcp/1`)).toEqual({ problem: expect.any(String) });
  });

  it('dialling itself is explained', async () => {
    const a = await start('a');
    for (const address of [a.address, a.address.replace(/\/p2p.*/, '')]) {
      expect(await a.network.dial(address)).toEqual({ problem: expect.stringContaining('this node itself') });
    }
    expect(a.network.status.refused).toEqual([]);
  });
});
