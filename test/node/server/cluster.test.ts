import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ClusterAnswer } from '../../../main/core/contract/rest-cluster.ts';
import { otherId, otherStarted } from '../../support/fake-membership.ts';
import { nodeId } from '../../support/fake-node.ts';
import { serveFakeNode, type Answered, type Bench } from '../../support/rest-client.ts';

let bench: Bench;

beforeEach(async () => {
  bench = await serveFakeNode();
});

afterEach(async () => {
  await bench.server.stop();
  expect(bench.logged).toEqual([]);
});

const post = (path: string, body?: unknown): Promise<Answered> =>
  bench.ask(path, { method: 'POST', ...(body !== undefined && { body }) });
const messageOf = ({ json }: Answered): string => (json as { error: { message: string } }).error.message;

describe('the cluster', () => {
  test('names each node once, tells who leads, who is away and how far each is', async () => {
    bench.node.emit({ ...otherStarted, name: 'fake' } as typeof otherStarted);
    bench.node.led = { master: nodeId, term: 4, applied: { [nodeId]: 9, [otherId]: 7 } };
    const answer = (await bench.ask('/cluster')).json as ClusterAnswer;
    expect(answer).toMatchObject({ master: nodeId, term: 4, discovery: 'On', pairing: null });
    expect(answer.nodes).toEqual([
      expect.objectContaining({ nodeId, name: 'fake (…ode-0)', role: 'Master', self: true, behind: 0 }),
      expect.objectContaining({
        nodeId: otherId,
        name: 'fake (…ode-9)',
        role: 'Away',
        self: false,
        ramTotal: null,
        behind: 2,
      }),
    ]);
    bench.node.membership.seen = {
      peers: [
        {
          nodeId: otherId,
          name: 'fake',
          version: '1',
          sessionId: 's',
          localAddress: '::1',
          remoteAddress: '::1',
          roundTripMs: null,
        },
      ],
    };
    const { nodes } = (await bench.ask('/cluster')).json as ClusterAnswer;
    expect(nodes[1]!.role).toBe('Follower');
  });

  test('never shows the key', async () => {
    expect(Object.keys((await bench.ask('/cluster')).json as object)).toEqual([
      'keyFingerprint',
      'keyGeneration',
      'master',
      'term',
      'listening',
      'discovery',
      'nodes',
      'pairing',
    ]);
  });
});

describe('a pairing code', () => {
  test('is shown, shown again, seen in the cluster, and taken back', async () => {
    const shown = await post('/cluster/pairing');
    expect(shown.json).toMatchObject({ state: 'Waiting', code: 'AAAAA-BBBBB' });
    expect((await post('/cluster/pairing')).json).toEqual(shown.json);
    expect((await bench.ask('/cluster')).json).toMatchObject({ pairing: shown.json });
    const taken = await bench.ask('/cluster/pairing', { method: 'DELETE' });
    expect(taken.json).toMatchObject({ pairing: { state: 'Cancelled', code: null } });
  });
});

describe('join', () => {
  test.each([
    ['as shown', 'K7QM2-X9F4T', undefined, undefined],
    ['in small letters, with an address', 'k7qm2x9f4t', '192.168.1.4:50123', '/ip4/192.168.1.4/tcp/50123'],
  ])('the code %s', async (_name, code, address, tried) => {
    const answer = await post('/cluster/join', { code, ...(address !== undefined && { address }) });
    expect(answer.status).toBe(200);
    expect(answer.json).toMatchObject({ connected: true, from: { name: 'desk' } });
    expect(bench.node.membership.tried).toEqual([tried]);
  });

  test.each<[string, object, number, string, string]>([
    ['a wrong code', { code: 'AAAAA-AAAAA' }, 409, 'code', 'another code'],
    ['what is no code', { code: 'K7QM2' }, 400, 'code', 'ten letters and digits'],
    ['what is no address', { code: 'K7QM2-X9F4T', address: 'desk' }, 400, 'address', 'IP:PORT'],
    ['a code too long', { code: 'A'.repeat(1_000) }, 400, 'code', 'code'],
    ['a field too many', { code: 'K7QM2-X9F4T', key: 'x' }, 400, 'key', 'no such field'],
  ])('%s → refused in words', async (_name, body, status, param, says) => {
    const answer = await post('/cluster/join', body);
    expect(answer.status).toBe(status);
    expect(answer.json).toMatchObject({ error: { param } });
    expect(messageOf(answer)).toContain(says);
  });
});

describe('leave and remove', () => {
  test('leave', async () => {
    expect((await post('/cluster/leave')).json).toMatchObject({ told: true });
    expect(bench.node.membership.left).toBe(true);
  });

  test.each([
    ['by id', otherId],
    ['by name', 'desk'],
  ])('remove %s', async (_name, which) => {
    bench.node.emit(otherStarted);
    const answer = await bench.ask(`/nodes/${which}`, { method: 'DELETE' });
    expect(answer.json).toMatchObject({ node_id: otherId, without_key: [] });
    expect(bench.node.membership.removed).toEqual([otherId]);
  });

  test.each<[string, string, number, string]>([
    ['a node that is not there', '12D3KooWnobodyhere', 404, 'no node 12D3KooWnobodyhere; there are fake'],
    ['a name that is too short for an id', 'tower', 404, 'no node tower; there are fake'],
    ['the node that answers', nodeId, 400, 'skein leave'],
  ])('remove %s → refused', async (_name, which, status, says) => {
    const answer = await bench.ask(`/nodes/${which}`, { method: 'DELETE' });
    expect(answer.status).toBe(status);
    expect(messageOf(answer)).toContain(says);
  });

  test('remove by a name that two have → asked which', async () => {
    bench.node.emit({ ...otherStarted, name: 'fake' } as typeof otherStarted);
    const answer = await bench.ask('/nodes/fake', { method: 'DELETE' });
    expect(answer.status).toBe(404);
    expect(messageOf(answer)).toContain('fake (…ode-9)');
    const exact = await bench.ask(`/nodes/${encodeURIComponent('fake (…ode-9)')}`, { method: 'DELETE' });
    expect(exact.json).toMatchObject({ node_id: otherId });
  });

  test('while another change is under way → 409 in words', async () => {
    bench.node.membership.busy = true;
    bench.node.emit(otherStarted);
    const answers = [
      await post('/cluster/leave'),
      await post('/cluster/join', { code: 'K7QM2-X9F4T' }),
      await bench.ask(`/nodes/${otherId}`, { method: 'DELETE' }),
    ];
    for (const answer of answers) {
      expect(answer.status).toBe(409);
      expect(messageOf(answer)).toContain('ask again');
    }
  });
});
