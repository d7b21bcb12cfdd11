import { sameEpoch, type Epoch } from './epoch.ts';
import { seek, seekByRank } from './campaign.ts';
import { startLeading } from './lead.ts';
import type { Leading } from './replica.ts';
import { become, type Work } from './work.ts';

/** A master first waits for a follower that has everything; anyone else just says goodbye [E11]. */
export function quit(work: Work): void {
  const { role, policy } = work.replica;
  if (role.type === 'Stopped') return;
  if (role.type === 'Master' && role.followers.size > 0) {
    if (role.leaveAt === null) become(work, { ...role, leaveAt: work.moment.now + policy.leaveMs });
  } else {
    become(work, { type: 'Stopped', successor: null });
  }
}

export function reviewLeaving(work: Work, role: Leading): void {
  if (role.leaveAt === null) return;
  const { last } = work.replica.log;
  const [successor] = [...role.followers].flatMap(([id, { match, level }]) =>
    level && match === last ? [id] : [],
  );
  if (successor === undefined && work.moment.now < role.leaveAt && role.followers.size > 0) return;
  become(work, {
    type: 'Stopped',
    successor: successor === undefined ? null : { nodeId: successor, epoch: role.epoch },
  });
}

/** The master that this node followed has left: its successor goes on at once, the others give way to it. */
export function heedLeft(work: Work, epoch: Epoch): boolean {
  const { adverts, ballot, self } = work.replica;
  const standing = adverts.get(epoch.masterId)?.standing;
  if (standing?.type !== 'Left') return false;
  const { successor } = standing;
  if (successor === null || !sameEpoch(successor.epoch, epoch)) seekByRank(work);
  else if (successor.nodeId === self) startLeading(work, Math.max(ballot.term, epoch.term) + 1);
  else seek(work, work.replica.policy.yieldMs);
  return true;
}
