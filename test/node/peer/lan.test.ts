import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { Lan, whyNoLan } from '../../support/cluster-lan.ts';
import { PeerProcess } from '../../support/peer-process.ts';
import { idOf } from '../../support/real-peers.ts';
import type { PeerProcessInit } from '../../support/real-peer-process.ts';

const soon = { interval: 20, timeout: 30_000 };
/** What is taken down is gone only a moment later, so that each network has names of its own. */
let made = 0;
const tag = (): string => `skp${process.pid % 1_000}${String.fromCharCode(97 + made)}`;
const running: PeerProcess[] = [];
let lan: Lan | undefined;
let seats = 0;

afterEach(async () => {
  await Promise.all(running.splice(0).map((peer) => peer.kill()));
  await lan?.close();
  for (let index = 0; index < seats; index += 1) {
    spawnSync('ip', ['link', 'del', `${tag()}c${index}`]);
    spawnSync('ip', ['netns', 'del', lan!.namespace(index)]);
  }
  for (const number of [0, 1]) spawnSync('ip', ['link', 'del', `${tag()}s${number}`]);
  lan = undefined;
  seats = 0;
  made += 1;
});

function start(init: PeerProcessInit, seat: number, port = 52_416): PeerProcess {
  const prefix = ['ip', 'netns', 'exec', lan!.namespace(seat)];
  const peer = new PeerProcess({ port, discovery: true, ...init }, prefix);
  running.push(peer);
  return peer;
}

/** Processes, each on a computer of its own in one local network, which know nothing of each other. */
async function startAll(inits: readonly PeerProcessInit[], isRouted = true): Promise<PeerProcess[]> {
  lan ??= new Lan(tag());
  const peers: PeerProcess[] = [];
  for (const init of inits) {
    await lan.seat(seats);
    // As a router gives one: without it, multicast leads nowhere.
    if (isRouted) spawnSync('ip', ['-n', lan.namespace(seats), 'route', 'add', 'default', 'dev', 'eth0']);
    seats += 1;
    peers.push(start(init, seats - 1));
  }
  await Promise.all(peers.map((peer) => peer.started));
  return peers;
}

const names = (peer: PeerProcess): string[] =>
  peer.log.filter((line) => line.startsWith('+')).map((line) => line.slice(1, 2));

describe.skipIf(whyNoLan !== undefined)('a local network, where nodes find each other by mDNS', () => {
  it('each finds those of its own cluster, and no others', async () => {
    const [a, b, c, x, y] = (await startAll([
      { who: 'a', key: 1 },
      { who: 'b', key: 1 },
      { who: 'c', key: 1 },
      { who: 'x', key: 2 },
      { who: 'y', key: 2 },
    ])) as [PeerProcess, PeerProcess, PeerProcess, PeerProcess, PeerProcess];
    const found = (): string[] => [a, b, c, x, y].map((peer) => names(peer).sort().join(''));
    await expect.poll(found, soon).toEqual(['bc', 'ac', 'ab', 'y', 'x']);
    const { status, peers } = await a.report();
    expect(status).toMatchObject({ discovery: 'On', problem: null, refused: [] });
    expect(status.listening).toContain(`/ip4/10.77.0.1/tcp/52416/p2p/${idOf('a')}`);
    expect(peers.map(({ localAddress }) => localAddress)).toEqual(['10.77.0.1', '10.77.0.1']);
  });

  it('a pulled cable is noticed on both sides within four seconds, and mended when it is back', async () => {
    const [a, b] = (await startAll([
      { who: 'a', key: 1 },
      { who: 'b', key: 1 },
    ])) as [PeerProcess, PeerProcess];
    await expect.poll(() => [names(a), names(b)], soon).toEqual([['b'], ['a']]);
    await lan!.link(1, 'down');
    const since = performance.now();
    await expect.poll(() => [a.log.length, b.log.length], soon).toEqual([2, 2]);
    expect(performance.now() - since).toBeLessThan(4_000);
    await lan!.link(1, 'up');
    const back = performance.now();
    await expect
      .poll(() => [names(a), names(b)], soon)
      .toEqual([
        ['b', 'b'],
        ['a', 'a'],
      ]);
    expect(performance.now() - back).toBeLessThan(10_000);
  });

  it('two cables between two computers: when the one in use is pulled, the other takes over and nobody is lost', async () => {
    await startAll([
      { who: 'x', key: 9 },
      { who: 'y', key: 9 },
    ]);
    const second = `${tag()}x`;
    const inside = (index: number, ...args: string[]): void => {
      spawnSync('ip', ['-n', lan!.namespace(index), ...args]);
    };
    spawnSync('ip', [
      'link',
      'add',
      second,
      'type',
      'veth',
      'peer',
      'name',
      'eth1',
      'netns',
      lan!.namespace(0),
    ]);
    spawnSync('ip', ['link', 'set', second, 'netns', lan!.namespace(1), 'name', 'eth1']);
    for (const index of [0, 1]) {
      inside(index, 'addr', 'add', `10.99.0.${index + 1}/24`, 'dev', 'eth1');
      inside(index, 'link', 'set', 'eth1', 'up');
    }
    const [a, b] = [start({ who: 'a', key: 1 }, 0, 52_417), start({ who: 'b', key: 1 }, 1, 52_417)];
    await expect.poll(() => [names(a), names(b)], soon).toEqual([['b'], ['a']]);
    const inUse = async (): Promise<string> => (await a.report()).peers[0]?.remoteAddress ?? 'none';
    const first = await inUse();
    if (first.startsWith('10.99.')) inside(1, 'link', 'set', 'eth1', 'down');
    else await lan!.link(1, 'down');
    await expect.poll(inUse, soon).toBe(first === '10.99.0.2' ? '10.77.0.2' : '10.99.0.2');
    expect([a.log, b.log]).toEqual([['+b b-1'], ['+a a-1']]);
  });

  it('a copy of a data folder in the same network is named by both', async () => {
    const [a, copy] = (await startAll([
      { who: 'a', key: 1 },
      { who: 'a', key: 1, sessionId: 'a-copy' },
    ])) as [PeerProcess, PeerProcess];
    for (const peer of [a, copy]) {
      await expect
        .poll(async () => (await peer.report()).status.refused, soon)
        .toMatchObject([{ code: 'DuplicateNode', nodeId: idOf('a') }]);
    }
    expect([a.log, copy.log]).toEqual([[], []]);
  });

  it('where multicast leads nowhere, a node says that it finds nobody, until it leads somewhere', async () => {
    const [a] = (await startAll([{ who: 'a', key: 1 }], false)) as [PeerProcess];
    const discovery = async (): Promise<string> => (await a.report()).status.discovery;
    await expect.poll(discovery, soon).toBe('Failed');
    expect((await a.report()).status.problem).toContain('can not be found');
    spawnSync('ip', ['-n', lan!.namespace(0), 'route', 'add', 'default', 'dev', 'eth0']);
    await expect.poll(discovery, soon).toBe('On');
  });

  it('an interface that went away and came back is listened on again', async () => {
    const [a] = (await startAll([{ who: 'a', key: 1 }])) as [PeerProcess];
    const inA = (...args: string[]): void => void spawnSync('ip', ['-n', lan!.namespace(0), ...args]);
    inA('addr', 'flush', 'dev', 'eth0');
    inA('addr', 'add', `${lan!.address(0)}/24`, 'dev', 'eth0');
    inA('route', 'add', 'default', 'dev', 'eth0');
    const [b] = (await startAll([{ who: 'b', key: 1 }])) as [PeerProcess];
    await expect.poll(() => [names(a), names(b)], soon).toEqual([['b'], ['a']]);
  });

  it('two computers with a cable between them and no router, so with addresses they gave themselves', async () => {
    const peers = await startAll([
      { who: 'a', key: 1 },
      { who: 'b', key: 1 },
    ]);
    await Promise.all(peers.map((peer) => peer.kill()));
    for (const index of [0, 1]) {
      const at = ['-n', lan!.namespace(index)];
      spawnSync('ip', [...at, 'addr', 'flush', 'dev', 'eth0']);
      spawnSync('ip', [...at, 'addr', 'add', `169.254.7.${index + 1}/16`, 'dev', 'eth0']);
      spawnSync('ip', [...at, 'route', 'add', 'default', 'dev', 'eth0']);
    }
    const again = ['a', 'b'].map((who, index) => start({ who, key: 1 }, index));
    await expect.poll(() => again.map(names), soon).toEqual([['b'], ['a']]);
  });

  it('an address that comes with another interface is told to others, which remember it', async () => {
    const path = join(mkdtempSync(join(tmpdir(), 'skein-lan-')), 'peers.json');
    const [a, b] = (await startAll([
      { who: 'a', key: 1 },
      { who: 'b', key: 1, bookPath: path },
    ])) as [PeerProcess, PeerProcess];
    await expect.poll(() => [names(a), names(b)], soon).toEqual([['b'], ['a']]);
    expect((await a.report()).status.listening.join(' ')).not.toContain('10.88.0.1');
    spawnSync('ip', ['-n', lan!.namespace(0), 'addr', 'add', '10.88.0.1/24', 'dev', 'eth0']);
    expect((await a.report()).status.listening.join(' ')).toContain('/ip4/10.88.0.1/tcp/52416');
    const book = (): string => (existsSync(path) ? readFileSync(path, 'utf8') : '');
    await expect.poll(book, soon).toContain('/ip4/10.88.0.1/tcp/52416');
    rmSync(dirname(path), { recursive: true });
  });
});

it.runIf(whyNoLan !== undefined)(`no local network can be made here: ${whyNoLan ?? ''}`, () => {
  expect(whyNoLan).toEqual(expect.any(String));
});
