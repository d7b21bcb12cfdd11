import type { NodeId } from '../id.ts';
import { sameEpoch, type Claim } from './epoch.ts';
import type { Proposal } from './input.ts';
import { appended, commonIndex, startsUpTo } from './log-index.ts';
import type { Message } from './message.ts';
import { acknowledgedUpTo, nextBatch, type Progress } from './progress.ts';
import type { Leading } from './replica.ts';
import { become, change, persistBallot, post, type Work } from './work.ts';

/** Master from here on, in a new epoch; every reachable node joins again, if it followed before [E4]. */
export function startLeading(work: Work, term: number): void {
  const { self } = work.replica;
  const epoch = { term, masterId: self };
  persistBallot(work, { term, vote: self, lineage: epoch });
  become(work, {
    type: 'Master',
    epoch,
    followers: new Map(),
    acknowledged: 0,
    soloSince: work.moment.now,
    meeting: null,
    leaveAt: null,
  });
  work.reportTo = self;
}

export const claimOf = (work: Work, role: Leading): Claim => ({
  epoch: role.epoch,
  followers: role.followers.size,
  last: work.replica.log.last,
});

/** The master orders events: entries get their index and epoch, go to disk, then to the followers [E6]. */
export function propose(work: Work, proposals: readonly Proposal[]): void {
  const { role, log } = work.replica;
  if (role.type !== 'Master' || role.leaveAt !== null || proposals.length === 0) return;
  const from = log.last + 1;
  for (const [at, proposal] of proposals.entries()) {
    work.append.push({ ...proposal, index: from + at, epoch: role.epoch });
  }
  change(work, { log: appended(log, role.epoch, proposals.length) });
  work.appended = { from, through: log.last + proposals.length };
  for (const follower of role.followers.keys()) feed(work, follower);
}

/** Finds the last common entry and says where to cut; then the missing entries follow, or a snapshot [E5]. */
export function admit(work: Work, from: NodeId, message: Extract<Message, { type: 'Join' }>): void {
  const { role, log } = work.replica;
  if (role.type !== 'Master' || !sameEpoch(role.epoch, message.epoch)) return;
  const { session } = message;
  const cut = commonIndex(log, message.log) ?? 0;
  const installing = cut < log.base || cut < message.log.base;
  const next = (installing ? log.snapshot : cut) + 1;
  setProgress(work, from, {
    session,
    match: Math.min(cut, next - 1),
    next,
    target: log.last,
    level: !installing && cut === log.last,
    installing,
  });
  const target = log.last;
  post(work, from, { type: 'Accept', session, epoch: role.epoch, cut: installing ? null : cut, target });
  if (installing) {
    const starts = startsUpTo(log, log.snapshot);
    post(work, from, { type: 'SnapshotAt', session, cut, target, index: log.snapshot, starts });
  } else {
    feed(work, from);
  }
}

export function takeAck(
  work: Work,
  from: NodeId,
  { session, match }: Extract<Message, { type: 'Ack' }>,
): void {
  const { role } = work.replica;
  const progress = role.type === 'Master' ? role.followers.get(from) : undefined;
  if (progress?.session !== session) return;
  const advanced = acknowledgedUpTo(progress, match);
  if (advanced !== progress) setProgress(work, from, advanced);
  feed(work, from);
}

/** A sign of life in each session; a follower that sees a gap before `from` joins again. */
export function sendHeartbeats(work: Work): void {
  const { role } = work.replica;
  if (role.type !== 'Master') return;
  for (const [follower, { session, next }] of role.followers) {
    post(work, follower, { type: 'Append', session, from: next, entries: [] });
  }
}

/** Followers that went elsewhere, and how far commands may be answered [E7]. */
export function reviewFollowers(work: Work): void {
  const { role, routes, adverts } = work.replica;
  if (role.type !== 'Master') return;
  const gone = [...role.followers.keys()].filter((follower) => {
    const standing = adverts.get(follower)?.standing;
    const elsewhere = standing?.type === 'Following' && !sameEpoch(standing.epoch, role.epoch);
    return !routes.has(follower) || elsewhere || standing?.type === 'Master';
  });
  let { followers, soloSince } = role;
  if (gone.length > 0) {
    followers = new Map([...followers].filter(([follower]) => !gone.includes(follower)));
  }
  const level = [...followers.values()].filter((progress) => progress.level);
  if (level.length > 0) soloSince = work.moment.now;
  const acknowledged = Math.max(role.acknowledged, answerable(work, level, soloSince));
  if (acknowledged > role.acknowledged) work.acknowledged = acknowledged;
  if (gone.length === 0 && soloSince === role.soloSince && acknowledged === role.acknowledged) return;
  become(work, { ...role, followers, soloSince, acknowledged });
}

function answerable(work: Work, level: readonly Progress[], soloSince: number): number {
  const { routes, log, policy } = work.replica;
  if (level.length > 0) return Math.max(...level.map(({ match }) => match));
  const alone = routes.size === 0 || work.moment.now >= soloSince + policy.soloMs;
  return alone ? log.last : 0;
}

function feed(work: Work, follower: NodeId): void {
  const { role, log, policy } = work.replica;
  let progress = role.type === 'Master' ? role.followers.get(follower) : undefined;
  if (progress === undefined) return;
  for (
    let batch = nextBatch(progress, log.last, policy);
    batch;
    batch = nextBatch(progress, log.last, policy)
  ) {
    post(work, follower, { type: 'AppendRange', session: progress.session, ...batch });
    progress = { ...progress, next: batch.through + 1 };
  }
  setProgress(work, follower, progress);
}

function setProgress(work: Work, follower: NodeId, progress: Progress): void {
  const { role } = work.replica;
  if (role.type !== 'Master') return;
  become(work, { ...role, followers: new Map(role.followers).set(follower, progress) });
}
