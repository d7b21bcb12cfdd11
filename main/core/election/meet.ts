import type { NodeId } from '../id.ts';
import { seek } from './campaign.ts';
import { compareClaims, compareEpochs, sameEpoch, type Claim } from './epoch.ts';
import { claimOf, startLeading } from './lead.ts';
import type { Message } from './message.ts';
import type { Leading } from './replica.ts';
import { become, draw, post, type Work } from './work.ts';

/** Another master in the connected set: the smaller id opens the handshake, and again until it is answered [E9]. */
export function reviewRivals(work: Work): void {
  const { role, self, routes, adverts, policy } = work.replica;
  if (role.type !== 'Master' || (role.meeting !== null && work.moment.now < role.meeting.deadline)) return;
  const rival = [...routes.keys()]
    .sort()
    .find((other) => self < other && adverts.get(other)?.standing.type === 'Master');
  if (rival === undefined) {
    if (role.meeting !== null) become(work, { ...role, meeting: null });
    return;
  }
  const round = draw(work);
  const claim = claimOf(work, role);
  const deadline = work.moment.now + policy.meetMs;
  become(work, { ...role, meeting: { rival, round, claim, deadline } });
  post(work, rival, { type: 'Meet', round, mine: claim });
}

/** The other side's claim: this node weighs both, obeys the result, and sends the very pair back. */
export function answerMeet(work: Work, from: NodeId, message: Extract<Message, { type: 'Meet' }>): void {
  const { role } = work.replica;
  if (role.type !== 'Master') return;
  const mine = claimOf(work, role);
  post(work, from, { type: 'Met', round: message.round, yours: message.mine, mine });
  obey(work, role, mine, message.mine);
}

export function takeMet(work: Work, from: NodeId, message: Extract<Message, { type: 'Met' }>): void {
  const { role } = work.replica;
  if (role.type !== 'Master' || role.meeting?.round !== message.round || role.meeting.rival !== from) return;
  // An epoch begun since then was not weighed.
  if (!sameEpoch(role.epoch, message.yours.epoch)) return;
  obey(work, { ...role, meeting: null }, message.yours, message.mine);
}

function obey(work: Work, role: Leading, mine: Claim, theirs: Claim): void {
  if (compareClaims(mine, theirs) < 0) {
    seek(work, work.replica.policy.yieldMs);
    return;
  }
  // The winner's epoch must be the newest, else the loser's cut off entries would count as ahead one day [E10].
  if (compareEpochs(mine.epoch, theirs.epoch) < 0) {
    startLeading(work, Math.max(theirs.epoch.term, work.replica.ballot.term) + 1);
  } else {
    become(work, role);
  }
}
