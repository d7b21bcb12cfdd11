import { describe, expect, test } from 'vitest';
import type { NodeId } from '../../../main/core/id.ts';
import { emptyState, type ClusterState, type NodeRecord } from '../../../main/core/state.ts';
import { GiB, MiB } from '../../../main/core/unit.ts';
import { distinctNames } from '../../../main/core/view.ts';
import { diagnose } from '../../../main/node/membership/doctor.ts';
import type { FindingKind } from '../../../main/node/membership/finding.ts';
import { nodeNamed, type ClusterSnapshot } from '../../../main/node/membership/snapshot.ts';
import type { RefusedPeer } from '../../../main/node/peer/network.ts';

const desk = '12D3KooWdeskdesk' as NodeId;
const laptop = '12D3KooWlaptop01' as NodeId;
const now = 1_700_000_000_000;

const record = (nodeId: NodeId, name: string): NodeRecord => ({
  nodeId,
  name,
  version: '1.2.3',
  sessionId: 's',
  memoryBytes: 8 * GiB,
  startedAt: now,
});

const state: ClusterState = {
  ...emptyState,
  nodes: { [desk]: record(desk, 'desk'), [laptop]: record(laptop, 'laptop') },
};
const observed = (nodeId: NodeId, at = now): ClusterSnapshot['telemetry']['nodes'][NodeId] => ({
  nodeId,
  totalBytes: 8 * GiB,
  availableBytes: 4 * GiB,
  disk: { totalBytes: 500 * GiB, availableBytes: 100 * GiB },
  at,
});
const nodes = { [desk]: observed(desk), [laptop]: observed(laptop) };
const telemetry = { nodes, runners: {}, downloads: [] };
const peer = {
  nodeId: laptop,
  name: 'laptop',
  version: '1.2.3',
  sessionId: 's',
  localAddress: '192.168.1.4',
  remoteAddress: '192.168.1.5',
  roundTripMs: 1,
};
const well: ClusterSnapshot = {
  nodeId: desk,
  name: 'desk',
  version: '1.2.3',
  now,
  state,
  telemetry,
  view: { master: desk, term: 3, applied: { [desk]: 5_000, [laptop]: 4_990 } },
  network: { listening: ['/ip4/192.168.1.4/tcp/52416'], problem: null, discovery: 'On', refused: [] },
  peers: [peer],
  fingerprint: 'abc',
  generation: 1,
  pairing: null,
  dataFolder: { path: '/data', mode: 0o700 },
};

const refused = (entry: Partial<RefusedPeer>): Partial<ClusterSnapshot> => ({
  peers: [],
  network: {
    ...well.network,
    refused: [
      {
        code: 'Unreachable',
        nodeId: laptop,
        address: '192.168.1.5:52416',
        message: 'it said no',
        at: now,
        ...entry,
      },
    ],
  },
});
const withLaptop = (changed: Partial<NodeRecord>): Partial<ClusterSnapshot> => ({
  state: { ...state, nodes: { ...state.nodes, [laptop]: { ...record(laptop, 'laptop'), ...changed } } },
});
const withTelemetry = (seen: Partial<(typeof nodes)[NodeId]>): Partial<ClusterSnapshot> => ({
  telemetry: { ...telemetry, nodes: { ...nodes, [laptop]: { ...observed(laptop), ...seen } } },
});
const problem = (
  text: string,
  discovery: 'On' | 'Failed',
  listening: string[],
): Partial<ClusterSnapshot> => ({
  network: { ...well.network, problem: text, discovery, listening },
});

describe('a diagnosis', () => {
  test('all is well → nothing', () => expect(diagnose(well)).toEqual([]));

  test.each<[string, Partial<ClusterSnapshot>, FindingKind, string, string]>([
    [
      'a port that another program uses',
      problem('It does not listen on port 52416. Choose another port with --peer-port.', 'On', []),
      'Port',
      'desk',
      '--peer-port',
    ],
    [
      'no permission to look around',
      problem('Other nodes can not be found: denied. On macOS, allow it.', 'Failed', ['/ip4/1.2.3.4/tcp/1']),
      'Discovery',
      'desk',
      'On macOS',
    ],
    ['a node that does not answer', refused({}), 'Link', 'desk – laptop', 'firewall'],
    [
      'an address that names the node',
      refused({ nodeId: null, address: `/ip4/192.168.1.5/tcp/52416/p2p/${laptop}` }),
      'Link',
      'desk – laptop',
      'pair it again',
    ],
    ['another version', refused({ code: 'IncompatibleVersion' }), 'Version', 'desk – laptop', 'same version'],
    [
      'two nodes with one id',
      refused({ code: 'DuplicateNode' }),
      'Identity',
      'desk – laptop',
      'identity.pem',
    ],
    ['this node was removed', refused({ code: 'Removed' }), 'Key', 'desk – laptop', 'skein pair'],
    ['a node that lies', refused({ code: 'Lied' }), 'Link', 'desk – laptop', 'restart'],
    ['nobody leads', { view: { ...well.view, master: null } }, 'Master', 'desk', 'election'],
    ['a node that is away', withLaptop({ lostAt: now }), 'Link', 'laptop', `skein remove ${laptop}`],
    ['a version that works but differs', withLaptop({ version: '1.3.0' }), 'Version', 'laptop', 'soon'],
    ['a clock that is ahead', withTelemetry({ at: now + 60_000 }), 'Clock', 'laptop', 'Date & Time'],
    ['a clock that is behind', withTelemetry({ at: now - 60_000 }), 'Clock', 'laptop', 'Date & Time'],
    [
      'a full disk',
      withTelemetry({ disk: { totalBytes: 500 * GiB, availableBytes: 100 * MiB } }),
      'Disk',
      'laptop',
      'Free some space',
    ],
    [
      'a node far behind',
      { view: { ...well.view, applied: { [desk]: 5_000, [laptop]: 1 } } },
      'Behind',
      'laptop',
      'catches up',
    ],
    [
      'a data folder that others may write',
      { dataFolder: { path: '/data', mode: 0o777 } },
      'Permission',
      '/data',
      'chmod 700',
    ],
    [
      'a data folder that is gone',
      { dataFolder: { path: '/data', mode: null } },
      'Permission',
      '/data',
      'disk',
    ],
  ])('%s', (_name, changed, kind, where, advice) => {
    const findings = diagnose({ ...well, ...changed });
    expect(findings.map((finding) => [finding.kind, finding.where])).toEqual([[kind, where]]);
    expect(findings[0]!.advice).toContain(advice);
    expect(findings[0]!.what).not.toBe('');
  });

  test('one node, refused at two addresses for the same reason → one finding', () => {
    const [one] = refused({}).network!.refused;
    const other = { ...one!, nodeId: null, address: `/ip4/10.0.0.5/tcp/52416/p2p/${laptop}` };
    const network = { ...well.network, refused: [one!, other] };
    expect(diagnose({ ...well, peers: [], network })).toHaveLength(1);
  });

  test.each([
    ['before it', '/ip4/192.168.1.5/tcp/52416', false],
    ['after it', '/ip4/192.168.1.5/tcp/52416', true],
    ['under a name with its id', '/dns4/laptop.local/tcp/52416/p2p/' + laptop, true],
  ])('one node, refused by id and %s by address → one finding that names it', (_name, address, isLast) => {
    const known = refused({ address: '/ip4/192.168.1.5/tcp/52416' }).network!.refused[0]!;
    const other = { ...known, nodeId: null, address };
    const network = { ...well.network, refused: isLast ? [known, other] : [other, known] };
    expect(diagnose({ ...well, peers: [], network }).map(({ where }) => where)).toEqual(['desk – laptop']);
  });

  test('two addresses of nobody known → a finding for each', () => {
    const [one, other] = [5, 6].map((host) => {
      const address = `/ip4/192.168.1.${host}/tcp/52416`;
      return { ...refused({}).network!.refused[0]!, nodeId: null, address };
    });
    const network = { ...well.network, refused: [one!, other!] };
    expect(diagnose({ ...well, peers: [], network })).toHaveLength(2);
  });

  test.each<[string, Partial<ClusterSnapshot>]>([
    ['it is connected by now', { peers: [peer] }],
    ['it was removed on purpose', { state: { ...state, removedNodes: [laptop] } }],
  ])('a node that was refused once, and %s → nothing', (_name, changed) => {
    expect(diagnose({ ...well, ...refused({}), ...changed })).toEqual([]);
  });

  test('a node that is not in its own state has its name all the same', () => {
    const { [desk]: _, ...others } = state.nodes;
    const gone = { ...well, ...refused({ code: 'Removed' }), state: { ...state, nodes: others } };
    expect(diagnose(gone)[0]!.where).toBe('desk (this node) – laptop');
  });
});

describe('names', () => {
  const twice: ClusterState = {
    ...emptyState,
    nodes: { [desk]: record(desk, 'mac'), [laptop]: record(laptop, 'mac') },
  };

  test('are told apart where two are the same', () => {
    expect(distinctNames(twice)).toEqual({ [desk]: 'mac (…kdesk)', [laptop]: 'mac (…top01)' });
    expect(distinctNames(state)).toEqual({ [desk]: 'desk', [laptop]: 'laptop' });
  });

  test.each<[string, ClusterState, NodeId | undefined]>([
    ['desk', state, desk],
    [laptop, state, laptop],
    ['mac (…top01)', twice, laptop],
    ['mac', twice, undefined],
    ['nobody', state, undefined],
  ])('%s', (text, where, expected) => {
    expect(nodeNamed(where, text)).toBe(expected);
  });
});
