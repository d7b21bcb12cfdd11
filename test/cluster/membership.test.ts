import { afterEach, describe, expect, it } from 'vitest';
import { ClusterAnswer, PairingView } from '../../main/core/contract/rest-cluster.ts';
import type { ClusterNode } from '../support/cluster-node.ts';
import { RealCluster } from '../support/cluster-real.ts';
import { moment } from '../support/e2e-until.ts';
import { skein, type Ran } from '../support/fake-io.ts';

/** Longer than nodes that may know each other need to. */
const LONG_MS = 4_000;

let cluster: RealCluster;
afterEach(() => cluster.close());

/** Nodes that are told each other's addresses, and share no key: each is a cluster of its own. */
async function apart(count: number): Promise<ClusterNode[]> {
  cluster = await RealCluster.prepare({ nodes: 0 });
  for (let index = 0; index < count; index += 1) await cluster.add(cluster.key(`own-${index}`));
  for (const node of cluster.nodes) node.launch();
  await Promise.all(cluster.nodes.map((node) => node.listening()));
  return cluster.nodes;
}

const run = (node: ClusterNode, ...args: string[]): Promise<Ran> => skein(node.port, args);

/** By the command line, as two people would. */
async function pair(shows: ClusterNode, joins: ClusterNode): Promise<Ran> {
  const shown = await run(shows, 'pair', '--no-wait', '--json');
  const { code, addresses } = PairingView.parse(JSON.parse(shown.out));
  return run(joins, 'join', code ?? '', '--peer', addresses[0] ?? '');
}

async function look(node: ClusterNode): Promise<ClusterAnswer> {
  return ClusterAnswer.parse((await node.ask('/cluster')).json);
}

async function untilTogether(...nodes: ClusterNode[]): Promise<void> {
  const ids = nodes.map(({ nodeId }) => nodeId).sort();
  await cluster.until(`${nodes.map(({ name }) => name).join(', ')} are one cluster`, async () => {
    const seen = await Promise.all(nodes.map((node) => look(node).catch(() => undefined)));
    return seen.every(
      (each) =>
        each?.master === seen[0]?.master &&
        JSON.stringify(each?.nodes.map(({ nodeId }) => nodeId).sort()) === JSON.stringify(ids) &&
        each?.nodes.every(({ role, behind }) => role !== 'Away' && behind === 0),
    );
  });
}

const wish = (metaInstanceId: string): object => ({
  model_id: 'SmolLM2-135M-Instruct',
  meta_instance_id: metaInstanceId,
  // It needs no place here: what counts is that it is wanted.
  min_nodes: 9,
});

async function wanted(node: ClusterNode): Promise<string[]> {
  return Object.keys((await node.seen()).metaInstances).sort();
}

describe('pairing two processes by a code', () => {
  it('makes them one cluster that wants what both wanted, also after both were killed', async () => {
    const [desk, laptop] = (await apart(2)) as [ClusterNode, ClusterNode];
    expect((await desk.ask('/meta_instance', { body: wish('of-desk') })).status).toBe(200);
    expect((await laptop.ask('/meta_instance', { body: wish('of-laptop') })).status).toBe(200);

    const wrong = await run(laptop, 'join', 'AAAAA-AAAAA', '--peer', desk.peerAddress.replace(/\d+$/, '9'));
    expect(wrong).toMatchObject({ exit: 1, out: '' });
    expect(wrong.err).toContain('Nobody shows a code at');

    expect(await pair(desk, laptop)).toEqual({
      exit: 0,
      out: `This node has joined the cluster of ${desk.name}.\n`,
      err: '',
    });
    await untilTogether(desk, laptop);
    await cluster.until('both are wanted everywhere', async () => {
      const lists = await Promise.all([desk, laptop].map((node) => wanted(node)));
      return lists.every((list) => list.join() === 'of-desk,of-laptop');
    });
    expect((await look(desk)).pairing).toMatchObject({ state: 'Joined', joined: { nodeId: laptop.nodeId } });
    const { out } = await run(laptop, 'nodes');
    expect(out).toMatch(new RegExp(`^${desk.name} +(Master|Follower) .*Loopback`, 'm'));
    expect(out).toMatch(new RegExp(`^${laptop.name} +(Master|Follower) .*this node`, 'm'));
    expect(await pair(desk, laptop)).toMatchObject({ exit: 5, err: expect.stringContaining('already') });

    await Promise.all([desk.kill(), laptop.kill()]);
    await Promise.all([desk.start(), laptop.start()]);
    await untilTogether(desk, laptop);
    expect(await wanted(laptop)).toEqual(['of-desk', 'of-laptop']);
  });
});

describe('removing a node', () => {
  it('gives the others a new key: neither it nor one that was off gets in until it is paired again', async () => {
    const [desk, laptop, tower, shelf] = (await apart(4)) as [
      ClusterNode,
      ClusterNode,
      ClusterNode,
      ClusterNode,
    ];
    for (const node of [laptop, tower, shelf]) {
      expect(await pair(desk, node)).toMatchObject({ exit: 0 });
    }
    await untilTogether(desk, laptop, tower, shelf);
    const before = (await look(desk)).keyFingerprint;
    await shelf.kill();

    const removed = await run(laptop, 'remove', tower.name);
    expect(removed).toMatchObject({ exit: 0, err: '' });
    expect(removed.out).toBe(
      `${tower.name} is removed, and the cluster has a new key. ${shelf.name} could not get it now and must be paired again.\n`,
    );
    await cluster.until('the two have one new key and go on', async () => {
      const [one, other] = [await look(desk), await look(laptop)];
      const same = one.keyFingerprint === other.keyFingerprint && one.master === other.master;
      return same && one.keyFingerprint !== before && one.master !== null && one.keyGeneration === 2;
    });
    await shelf.start();
    await moment(LONG_MS);
    for (const stranger of [tower, shelf]) {
      await cluster.until(`${stranger.name} has the old key and hears nothing of the members`, async () => {
        const { keyFingerprint, nodes } = await look(stranger);
        const members = nodes.filter(({ nodeId }) => [desk.nodeId, laptop.nodeId].includes(nodeId));
        return keyFingerprint === before && members.every(({ role }) => role === 'Away');
      });
    }
    expect((await look(desk)).nodes.map(({ nodeId }) => nodeId)).not.toContain(tower.nodeId);
    await cluster.until(
      'the members show the one that was off as away',
      async () => (await look(desk)).nodes.find(({ nodeId }) => nodeId === shelf.nodeId)?.role === 'Away',
    );
    // It knows once somebody did not answer in its key.
    await cluster.until('its doctor says that it must be paired again', async () => {
      const { exit, out } = await run(shelf, 'doctor');
      return exit === 1 && out.includes('skein pair');
    });

    expect(await pair(laptop, tower)).toMatchObject({ exit: 0, err: '' });
    expect(await pair(desk, shelf)).toMatchObject({ exit: 0, err: '' });
    await untilTogether(desk, laptop, tower, shelf);
  });
});

describe('leaving', () => {
  it('starts the node over in the same process; it can be paired again', async () => {
    const [desk, laptop] = (await apart(2)) as [ClusterNode, ClusterNode];
    expect(await run(laptop, 'leave')).toMatchObject({
      exit: 5,
      err: expect.stringContaining('nothing to leave'),
    });
    expect((await desk.ask('/meta_instance', { body: wish('of-desk') })).status).toBe(200);
    await pair(desk, laptop);
    await untilTogether(desk, laptop);
    const { pid } = laptop;

    expect(await run(laptop, 'leave')).toMatchObject({ exit: 0, err: '' });
    await cluster.until('it is a cluster of its own, and the other knows', async () => {
      const [alone, rest] = [await look(laptop).catch(() => undefined), await look(desk)];
      return alone?.nodes.length === 1 && alone.master === laptop.nodeId && rest.nodes.length === 1;
    });
    expect(laptop.pid).toBe(pid);
    expect(await wanted(laptop)).toEqual([]);
    expect(await wanted(desk)).toEqual(['of-desk']);
    // Its address was given by hand, so that it is tried on, and may be named.
    expect((await run(desk, 'doctor')).out).not.toContain('away');

    expect(await pair(desk, laptop)).toMatchObject({ exit: 0 });
    await untilTogether(desk, laptop);
    expect(await wanted(laptop)).toEqual(['of-desk']);
  });
});
