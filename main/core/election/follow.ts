import type { NodeId } from '../id.ts';
import { sameEpoch, type Epoch } from './epoch.ts';
import { appended, epochAt, truncated } from './log-index.ts';
import type { Entry, Message } from './message.ts';
import type { Following } from './replica.ts';
import { become, change, draw, persistBallot, post, type Work } from './work.ts';

type Session<Type extends Message['type']> = Extract<Message, { type: Type }>;

/** Follow that master: whatever this node led, asked or followed before is over. */
export function follow(work: Work, epoch: Epoch): void {
  become(work, {
    type: 'Following',
    epoch,
    session: -1,
    target: null,
    level: false,
    joinAt: work.moment.now,
  });
}

/** Nothing of the session was heard: join in a new one. */
export function reviewSession(work: Work, role: Following): void {
  if (work.moment.now >= role.joinAt) join(work, role);
}

function join(work: Work, role: Following): void {
  const { log, policy } = work.replica;
  const session = draw(work);
  become(work, { ...role, session, target: null, level: false, joinAt: work.moment.now + policy.joinMs });
  post(work, role.epoch.masterId, { type: 'Join', session, epoch: role.epoch, log });
}

/** The master's answer to Join: cut back to the last common entry, the rest becomes a tail [E5, E8]. */
export function takeAccept(work: Work, from: NodeId, message: Session<'Accept'>): void {
  const role = sessionOf(work, from, message.session);
  if (role === null || role.target !== null || !sameEpoch(role.epoch, message.epoch)) return;
  persistTerm(work, role.epoch);
  if (message.cut === null) {
    become(work, { ...role, joinAt: work.moment.now + work.replica.policy.snapshotMs });
    return;
  }
  // Compacted since the Join: what the cut would leave can't be rebuilt any more.
  if (message.cut < work.replica.log.base) {
    join(work, role);
    return;
  }
  if (message.cut < work.replica.log.last) cutBack(work, message.cut);
  become(work, { ...role, target: message.target, joinAt: quietUntil(work) });
  checkLevel(work);
}

/** Entries in order; twice is once, a gap means that something got lost on the way. */
export function takeAppend(work: Work, from: NodeId, message: Session<'Append'>): void {
  const role = sessionOf(work, from, message.session);
  if (role?.target == null) return;
  const { last } = work.replica.log;
  if (message.from > last + 1) {
    join(work, role);
    return;
  }
  const fresh = message.entries.slice(last + 1 - message.from);
  if (!contiguous(fresh, last + 1)) return;
  for (const entry of fresh) {
    work.append.push(entry);
    change(work, { log: appended(work.replica.log, entry.epoch, 1) });
  }
  become(work, { ...role, joinAt: quietUntil(work) });
  checkLevel(work);
  post(work, from, { type: 'Ack', session: role.session, match: work.replica.log.last });
}

/** The missing entries are compacted away: the whole state instead. */
export function takeSnapshot(work: Work, from: NodeId, message: Session<'Snapshot'>): void {
  const role = sessionOf(work, from, message.session);
  if (role === null || role.target !== null) return;
  const { index, starts, state, cut, target } = message;
  if (cut < work.replica.log.last) cutBack(work, cut);
  work.install = { index, starts, state };
  change(work, { log: { base: index, snapshot: index, last: index, starts } });
  become(work, { ...role, target, joinAt: quietUntil(work) });
  checkLevel(work);
  post(work, from, { type: 'Ack', session: role.session, match: index });
}

function sessionOf(work: Work, from: NodeId, session: number): Following | null {
  const { role } = work.replica;
  if (role.type !== 'Following' || role.epoch.masterId !== from || role.session !== session) return null;
  return role;
}

function cutBack(work: Work, cut: number): void {
  const { log, tails, ballot } = work.replica;
  const newest = epochAt(log, log.last);
  const name = newest === null ? 'unknown' : `${newest.term}.${newest.masterId}`;
  const tailId = `${name}:${cut + 1}-${log.last}`;
  work.truncate = { after: cut, tailId };
  change(work, {
    log: truncated(log, cut),
    tails: [...tails.filter((tail) => tail.tailId !== tailId), { tailId, waiting: null }],
  });
  // What is left of the log is no newer than its last entry, whomever this node followed when it held more.
  persistBallot(work, { ...ballot, lineage: epochAt(log, cut) });
}

/** The log reached what the master had at the Join: its lineage is the master's now [E2]. */
function checkLevel(work: Work): void {
  const { role, log, ballot } = work.replica;
  if (role.type !== 'Following' || role.level || role.target === null || log.last < role.target) return;
  become(work, { ...role, level: true });
  if (!sameEpoch(ballot.lineage, role.epoch)) persistBallot(work, { lineage: role.epoch });
  work.reportTo = role.epoch.masterId;
}

/** A term seen from a master is never led again by this node; its vote there is that master's. */
function persistTerm(work: Work, { term, masterId }: Epoch): void {
  if (term > work.replica.ballot.term) persistBallot(work, { term, vote: masterId });
}

const quietUntil = ({ moment, replica }: Work): number => moment.now + replica.policy.sessionSilenceMs;

function contiguous(entries: readonly Entry[], first: number): boolean {
  return entries.every(({ index }, at) => index === first + at);
}
