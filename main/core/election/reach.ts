import type { NodeId } from '../id.ts';
import { sameEpoch } from './epoch.ts';
import type { Advert, Standing } from './message.ts';
import type { Replica } from './replica.ts';
import { change, postToPeer, type Work } from './work.ts';

/** Nodes whose adverts are kept; above that, those outside the connected set are forgotten. */
const REMEMBERED_NODES = 128;

/** A life that says more than this goes on to the next life's numbers, and that one jumps over them. */
const VERSIONS_PER_LIFE = 1_000_000;

/** Peers heard lately, by id. */
export function neighbours({ peers }: Replica): NodeId[] {
  return [...peers].flatMap(([peer, heardAt]) => (heardAt === null ? [] : [peer])).sort();
}

/** A connection stands: tell the peer everything known, once. */
export function connect(work: Work, peer: NodeId): void {
  change(work, { peers: new Map(work.replica.peers).set(peer, null) });
  postToPeer(work, peer, { type: 'Adverts', adverts: [...work.replica.adverts.values()] });
}

export function disconnect(work: Work, peer: NodeId): void {
  const peers = new Map(work.replica.peers);
  if (peers.delete(peer)) change(work, { peers });
}

/** Anything that comes from a peer is a sign of its life. */
export function hear(work: Work, peer: NodeId): void {
  if (!work.replica.peers.has(peer)) connect(work, peer);
  change(work, { peers: new Map(work.replica.peers).set(peer, work.moment.now) });
}

/** Peers silent for too long are gone until they are heard again [E1]. */
export function dropSilent(work: Work): void {
  const { peers, policy } = work.replica;
  let kept: Map<NodeId, number | null> | undefined;
  for (const [peer, heardAt] of peers) {
    if (heardAt === null || heardAt + policy.silenceMs > work.moment.now) continue;
    kept ??= new Map(peers);
    kept.set(peer, null);
  }
  if (kept !== undefined) change(work, { peers: kept });
}

/** Keeps what is newer, passes it on to everyone else, and jumps beyond what an earlier life of this node said. */
export function takeAdverts(work: Work, from: NodeId, incoming: readonly Advert[]): void {
  const newer = incoming.filter(({ nodeId, version }) => version > versionOf(work.replica, nodeId));
  if (newer.length === 0) return;
  const adverts = new Map(work.replica.adverts);
  for (const advert of newer) {
    const own = advert.nodeId === work.replica.self ? adverts.get(advert.nodeId) : undefined;
    adverts.set(advert.nodeId, own === undefined ? advert : { ...own, version: advert.version + 1 });
  }
  change(work, { adverts });
  const told = newer.flatMap(({ nodeId }) => adverts.get(nodeId) ?? []);
  for (const peer of work.replica.peers.keys()) {
    const unknown = told.filter(({ nodeId }) => peer !== from || nodeId === work.replica.self);
    if (unknown.length > 0) postToPeer(work, peer, { type: 'Adverts', adverts: unknown });
  }
}

/** A neighbour's versions: send it what it lacks. */
export function compareVersions(work: Work, peer: NodeId, versions: Readonly<Record<string, number>>): void {
  const adverts = [...work.replica.adverts.values()].filter(
    ({ nodeId, version }) => version > (versions[nodeId] ?? 0),
  );
  if (adverts.length > 0) postToPeer(work, peer, { type: 'Adverts', adverts });
}

export function sendAlive(work: Work): void {
  const own = work.replica.adverts.get(work.replica.self);
  if (own === undefined) return;
  const versions = Object.fromEntries(
    [...work.replica.adverts].map(([nodeId, { version }]) => [nodeId, version]),
  ) as Record<NodeId, number>;
  for (const peer of work.replica.peers.keys()) postToPeer(work, peer, { type: 'Alive', own, versions });
}

/** Tells everyone when this node's neighbours or standing are no longer as it last said. */
export function publish(work: Work): void {
  const { self, adverts, peers, ballot } = work.replica;
  const last = adverts.get(self);
  const standing = standingOf(work.replica);
  const left = standing.type === 'Left';
  if (last !== undefined && sameStanding(last.standing, standing)) {
    if (left ? last.neighbours.length === 0 : isListed(work.replica, last.neighbours)) return;
  }
  const listed = left ? [] : neighbours(work.replica);
  const advert: Advert = {
    nodeId: self,
    version: (last?.version ?? ballot.lives * VERSIONS_PER_LIFE) + 1,
    neighbours: listed,
    standing,
  };
  change(work, { adverts: new Map(adverts).set(self, advert) });
  for (const peer of peers.keys()) {
    postToPeer(work, peer, { type: 'Adverts', adverts: [advert] }, work.announce);
  }
}

/** Finds the connected set anew: a link counts when both ends list each other. */
export function findRoutes(work: Work): void {
  const { self, adverts } = work.replica;
  const routes = new Map<NodeId, NodeId>();
  const border = [self];
  for (let node = border.shift(); node !== undefined; node = border.shift()) {
    const listed = node === self ? neighbours(work.replica) : (adverts.get(node)?.neighbours ?? []);
    for (const next of listed) {
      if (next === self || routes.has(next)) continue;
      if (!(adverts.get(next)?.neighbours.includes(node) ?? false)) continue;
      routes.set(next, routes.get(node) ?? next);
      border.push(next);
    }
  }
  // The version of whoever is outside stays known, or its old adverts would go round for ever.
  const full = adverts.size > REMEMBERED_NODES;
  const kept = full ? new Map([...adverts].filter(([id]) => id === self || routes.has(id))) : adverts;
  change(work, { routes, adverts: kept });
}

function versionOf({ adverts }: Replica, nodeId: NodeId): number {
  return adverts.get(nodeId)?.version ?? 0;
}

function standingOf({ role }: Replica): Standing {
  switch (role.type) {
    case 'Following':
    case 'Master':
      return { type: role.type, epoch: role.epoch };
    case 'Stopped':
      return { type: 'Left', successor: role.successor };
    case 'Seeking':
    case 'Campaigning':
    default:
      return { type: 'Seeking' };
  }
}

function sameStanding(a: Standing, b: Standing): boolean {
  if (a.type === 'Left' || b.type === 'Left') return a.type === b.type;
  return a.type === b.type && sameEpoch('epoch' in a ? a.epoch : null, 'epoch' in b ? b.epoch : null);
}

/** Whether exactly these are the neighbours now. Asked at every step, so it makes nothing. */
function isListed({ peers }: Replica, listed: readonly NodeId[]): boolean {
  let heard = 0;
  for (const [peer, heardAt] of peers) {
    if (heardAt === null) continue;
    if (!listed.includes(peer)) return false;
    heard += 1;
  }
  return heard === listed.length;
}
