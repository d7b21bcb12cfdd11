import type { NodeId } from '../id.ts';
import { compareRecency } from './epoch.ts';
import { startLeading } from './lead.ts';
import type { Message } from './message.ts';
import { neighbours } from './reach.ts';
import { recencyOf, type Campaigning, type Replica } from './replica.ts';
import { become, change, draw, persistBallot, post, type Work } from './work.ts';

type Ask = Extract<Message, { type: 'Ask' }>;
type Say = Extract<Message, { type: 'Say' }>;

/** No master: wait, then ask. */
export function seek(work: Work, waitMs: number): void {
  become(work, { type: 'Seeking', campaignAt: work.moment.now + waitMs, grace: false });
}

/** The best connected node asks first (ties by id), so that campaigns seldom cross [E3]. */
export function seekByRank(work: Work): void {
  seek(work, rankDelay(work));
}

export function rankDelay({ replica, moment }: Work): number {
  const { self, policy, routes } = replica;
  const own = neighbours(replica).length;
  const before = [...routes.keys()].filter((other) => goesFirst(degreeOf(replica, other), other, own, self));
  return 1 + moment.random * policy.delayMs + Math.min(before.length, 8) * policy.rankMs;
}

/** Seeking and the wait is over: ask everybody reachable, or be master of oneself [E4]. */
export function campaign(work: Work): void {
  const { ballot, heardTerm, routes } = work.replica;
  const term = Math.max(ballot.term, heardTerm) + 1;
  ask(work, 'Poll', term, [...routes.keys()]);
}

/** Answers that are still missing may end a stage: all of them, or the time for them. */
export function reviewCampaign(work: Work, role: Campaigning): void {
  const { routes } = work.replica;
  const missing = role.asked.filter((other) => routes.has(other) && !role.yes.includes(other));
  const late = work.moment.now >= role.deadline;
  if (missing.length > 0 && !late) return;
  // Silence of all who seemed reachable is no consent: they answer next time, or their links are found dead.
  if (missing.length > 0 && role.yes.length === 0) seekByRank(work);
  else if (role.stage === 'Poll') ask(work, 'Vote', role.term, role.yes);
  else startLeading(work, role.term);
}

function ask(work: Work, stage: Ask['stage'], term: number, others: readonly NodeId[]): void {
  const { self, policy } = work.replica;
  if (others.length === 0) {
    startLeading(work, term);
    return;
  }
  if (stage === 'Vote') persistBallot(work, { term, vote: self });
  const round = draw(work);
  const deadline = work.moment.now + policy.answerMs;
  become(work, { type: 'Campaigning', stage, round, term, asked: others, yes: [], deadline });
  const degree = neighbours(work.replica).length;
  const recency = recencyOf(work.replica);
  for (const other of others) post(work, other, { type: 'Ask', round, stage, term, recency, degree });
}

export function answerAsk(work: Work, from: NodeId, message: Ask): void {
  const answer = judge(work, from, message);
  if (answer === 'Yes' && message.stage === 'Vote') {
    persistBallot(work, { term: message.term, vote: from });
  }
  if (answer === 'Yes') seek(work, work.replica.policy.yieldMs);
  const { role, ballot } = work.replica;
  if (answer === 'Ahead' && role.type === 'Seeking') {
    const soon = work.moment.now + rankDelay(work);
    become(work, { ...role, campaignAt: Math.min(role.campaignAt, soon) });
  }
  post(work, from, { type: 'Say', round: message.round, answer, term: ballot.term });
}

/** Whether this node would follow the asker [E2, E3]. */
function judge({ replica }: Work, from: NodeId, message: Ask): Say['answer'] {
  const { role, ballot, self } = replica;
  if (role.type === 'Master' || role.type === 'Following' || role.type === 'Stopped') return 'Following';
  const lead = compareRecency(recencyOf(replica), message.recency);
  if (lead > 0) return 'Ahead';
  const crossing = message.stage === 'Poll' && role.type === 'Campaigning' && lead === 0;
  if (crossing && goesFirst(neighbours(replica).length, self, message.degree, from)) return 'Ahead';
  if (message.stage === 'Poll') return 'Yes';
  const free = message.term > ballot.term || (message.term === ballot.term && ballot.vote === from);
  return free ? 'Yes' : 'Voted';
}

export function takeAnswer(work: Work, from: NodeId, { round, answer, term }: Say): void {
  const { role, policy, heardTerm } = work.replica;
  if (role.type !== 'Campaigning' || role.round !== round) return;
  change(work, { heardTerm: Math.max(heardTerm, term) });
  switch (answer) {
    case 'Yes':
      become(work, {
        ...role,
        term: role.stage === 'Poll' ? Math.max(role.term, term + 1) : role.term,
        yes: role.yes.includes(from) ? role.yes : [...role.yes, from],
      });
      return;
    case 'Ahead':
    case 'Following':
      seek(work, policy.yieldMs + rankDelay(work));
      return;
    case 'Voted':
    default:
      seekByRank(work);
  }
}

function degreeOf({ adverts }: Replica, nodeId: NodeId): number {
  return adverts.get(nodeId)?.neighbours.length ?? 0;
}

function goesFirst(degree: number, id: NodeId, otherDegree: number, otherId: NodeId): boolean {
  return degree === otherDegree ? id < otherId : degree > otherDegree;
}
