import type { NodeId } from '../id.ts';
import { unreachable } from '../result.ts';
import { answerAsk, campaign, rankDelay, reviewCampaign, seekByRank, takeAnswer } from './campaign.ts';
import { compareEpochs, sameEpoch, type Epoch } from './epoch.ts';
import { follow, reviewSession, takeAccept, takeAppend, takeSnapshot } from './follow.ts';
import type { Input, Moment } from './input.ts';
import { admit, propose, reviewFollowers, sendHeartbeats, takeAck } from './lead.ts';
import { heedLeft, quit, reviewLeaving } from './leave.ts';
import type { Envelope, Message } from './message.ts';
import { answerMeet, reviewRivals, takeMet } from './meet.ts';
import { defaultElectionPolicy, type ElectionPolicy } from './policy.ts';
import {
  compareVersions,
  connect,
  disconnect,
  dropSilent,
  findRoutes,
  hear,
  publish,
  sendAlive,
  takeAdverts,
} from './reach.ts';
import type { Ready } from './ready.ts';
import { epochOf, type Persisted, type Replica } from './replica.ts';
import { answer, submitTails, takeOutcome, takeSubmit, takeTail } from './tails.ts';
import { wakeAt } from './wake.ts';
import { become, begin, change, persistBallot, persistOf, post, type Work } from './work.ts';

export interface Stepped {
  readonly replica: Replica;
  readonly ready: Ready;
}

export interface ReplicaInit {
  readonly self: NodeId;
  /** Peers remembered from before; with none the node goes ahead at once. */
  readonly known: readonly NodeId[];
  readonly policy?: ElectionPolicy;
}

/**
 * Terms and lives skipped when the disk may have lost its newest writes: an epoch must never come twice. At least so many,
 * since a torn file may hide some; by chance up to so many more, since a disk lost twice remembers neither loss.
 */
const SKIPPED = 1_000;
const SKIPPED_BY_CHANCE = 2 ** 24;

/** A node starts from what its disk holds. The ready is worked off like any step's. */
export function restore(persisted: Persisted, init: ReplicaInit, moment: Moment): Stepped {
  const { self, known } = init;
  const policy = init.policy ?? defaultElectionPolicy;
  const replica: Replica = {
    self,
    policy,
    known: known.filter((peer) => peer !== self),
    ballot: persisted.ballot,
    log: persisted.log,
    tails: persisted.tails.filter(({ waiting }) => waiting.length > 0),
    role: { type: 'Seeking', campaignAt: moment.now + policy.graceMs, grace: true },
    peers: new Map(),
    adverts: new Map(),
    routes: new Map(),
    heardTerm: 0,
    counter: Math.floor(moment.random * 2 ** 40),
    heartbeatAt: moment.now,
    submitAt: moment.now,
    submitted: 0,
  };
  const work = begin(replica, moment);
  const { lives, term, vote } = persisted.ballot;
  const skipped = SKIPPED + Math.floor(moment.random * SKIPPED_BY_CHANCE);
  persistBallot(
    work,
    persisted.damaged
      ? { lives: lives + skipped, term: term + skipped, vote: null }
      : { lives: lives + 1, term, vote },
  );
  return finish(work, replica);
}

/** What happens to a replica, and the work it makes. Pure: same replica, input and moment, same result. */
export function step(replica: Replica, input: Input, moment: Moment): Stepped {
  const work = begin(replica, moment);
  if (replica.role.type !== 'Stopped') take(work, input);
  return finish(work, replica);
}

function take(work: Work, input: Input): void {
  switch (input.type) {
    case 'Tick':
      return;
    case 'Connected':
      connect(work, input.peer);
      return;
    case 'Disconnected':
      disconnect(work, input.peer);
      return;
    case 'Received':
      hear(work, input.peer);
      receive(work, input.peer, input.envelope);
      return;
    case 'Propose':
      propose(work, input.proposals);
      return;
    case 'Compacted':
      change(work, { log: { ...work.replica.log, base: input.base, snapshot: input.snapshot } });
      return;
    case 'TailRead':
      takeTail(work, input.tailId, input.commands);
      return;
    case 'Answer':
      answer(work, input.to, input.commandId, input.outcome);
      return;
    case 'Carry':
      if (input.to === work.replica.self) work.delivered.push({ from: input.to, body: input.body });
      else post(work, input.to, { type: 'Carry', body: input.body });
      return;
    case 'Quit':
      quit(work);
      return;
    default:
      unreachable(input);
  }
}

function receive(work: Work, peer: NodeId, { from, to, hops, message }: Envelope): void {
  if (to === work.replica.self) {
    receiveMessage(work, peer, from, message);
    return;
  }
  const via = work.replica.routes.get(to);
  if (via !== undefined && hops > 0) work.send.push({ via, from, to, hops: hops - 1, message });
}

function receiveMessage(work: Work, peer: NodeId, from: NodeId, message: Message): void {
  switch (message.type) {
    case 'Alive':
      takeAdverts(work, peer, [message.own]);
      compareVersions(work, peer, message.versions);
      return;
    case 'Adverts':
      takeAdverts(work, peer, message.adverts);
      return;
    case 'Ask':
      answerAsk(work, from, message);
      return;
    case 'Say':
      takeAnswer(work, from, message);
      return;
    case 'Join':
      admit(work, from, message);
      return;
    case 'Accept':
      takeAccept(work, from, message);
      return;
    case 'Append':
      takeAppend(work, from, message);
      return;
    case 'Ack':
      takeAck(work, from, message);
      return;
    case 'Snapshot':
      takeSnapshot(work, from, message);
      return;
    case 'Meet':
      answerMeet(work, from, message);
      return;
    case 'Met':
      takeMet(work, from, message);
      return;
    case 'Submit':
      takeSubmit(work, from, message.commands);
      return;
    case 'Answered':
      takeOutcome(work, message.commandId, message.outcome);
      return;
    case 'Carry':
      work.delivered.push({ from, body: message.body });
      return;
    default:
      unreachable(message);
  }
}

/** By level, not edge: whatever happened, look at what is there and do what follows from it. */
function finish(work: Work, before: Replica): Stepped {
  if (work.replica.role.type !== 'Stopped') review(work, before);
  publish(work);
  const { replica } = work;
  const [was, is] = [epochOf(before), epochOf(replica)];
  const ready: Ready = {
    persist: persistOf(work),
    send: [...work.announce, ...work.send],
    appended: work.appended,
    acknowledged: work.acknowledged,
    role: sameEpoch(was, is) ? null : roleOf(replica, is),
    submit: work.submit,
    settled: work.settled,
    reportTo: work.reportTo,
    delivered: work.delivered,
    wakeAt: wakeAt(replica, work.moment.now),
    stopped: replica.role.type === 'Stopped',
  };
  return { replica, ready };
}

function roleOf({ self }: Replica, epoch: Epoch | null): Ready['role'] {
  if (epoch === null) return { type: 'None' };
  return { type: epoch.masterId === self ? 'Master' : 'Following', epoch };
}

function review(work: Work, before: Replica): void {
  dropSilent(work);
  const { role } = work.replica;
  if (role.type === 'Following') heedLeft(work, role.epoch);
  if (work.replica.peers !== before.peers) publish(work);
  if (work.replica.adverts !== before.adverts) findRoutes(work);
  reviewMaster(work);
  reviewRole(work);
  if (work.moment.now >= work.replica.heartbeatAt) {
    change(work, { heartbeatAt: work.moment.now + work.replica.policy.heartbeatMs });
    sendAlive(work);
    sendHeartbeats(work);
  }
  submitTails(work);
}

/** Whoever leads in the connected set is followed; the one that is followed already is kept [E3]. */
function reviewMaster(work: Work): void {
  const { role, routes, adverts } = work.replica;
  if (role.type === 'Master' || role.type === 'Stopped') return;
  const current = role.type === 'Following' ? role.epoch : null;
  const epochs: Epoch[] = [];
  for (const node of routes.keys()) {
    const standing = adverts.get(node)?.standing;
    if (standing?.type !== 'Master') continue;
    if (sameEpoch(standing.epoch, current)) return;
    epochs.push(standing.epoch);
  }
  const same = epochs.find(({ masterId }) => masterId === current?.masterId);
  const [newest] = epochs.sort((a, b) => compareEpochs(b, a));
  const next = same ?? newest;
  if (next !== undefined) follow(work, next);
  else if (role.type === 'Following') seekByRank(work);
}

function reviewRole(work: Work): void {
  const { role, known, routes } = work.replica;
  switch (role.type) {
    case 'Seeking': {
      const complete = role.grace && known.every((peer) => routes.has(peer));
      if (complete) become(work, { ...role, grace: false, campaignAt: work.moment.now + rankDelay(work) });
      else if (work.moment.now >= role.campaignAt) campaign(work);
      return;
    }
    case 'Campaigning':
      reviewCampaign(work, role);
      return;
    case 'Following':
      reviewSession(work, role);
      return;
    case 'Master':
      reviewFollowers(work);
      reviewRivals(work);
      reviewLeavingOf(work);
      return;
    case 'Stopped':
      return;
    default:
      unreachable(role);
  }
}

function reviewLeavingOf(work: Work): void {
  const { role } = work.replica;
  if (role.type === 'Master') reviewLeaving(work, role);
}
