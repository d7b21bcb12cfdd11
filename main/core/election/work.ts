import type { NodeId } from '../id.ts';
import type { Moment } from './input.ts';
import type { Entry } from './message.ts';
import type { Outgoing, Persist, Ready, Send, Settled, Submission } from './ready.ts';
import type { Ballot, Replica, Role } from './replica.ts';

/** One step in the making. `replica` is replaced, never changed in place; the rest gathers what the shell must do. */
export interface Work {
  readonly moment: Moment;
  replica: Replica;
  ballot: Ballot | null;
  truncate: Persist['truncate'];
  install: Persist['install'];
  readonly append: Entry[];
  readonly settled: Settled[];
  readonly send: Send[];
  /** Leave before `send`: whoever reads what follows should know who says it. */
  readonly announce: Send[];
  readonly submit: Submission[];
  readonly delivered: Ready['delivered'][number][];
  appended: Ready['appended'];
  acknowledged: number | null;
  reportTo: NodeId | null;
}

export function begin(replica: Replica, moment: Moment): Work {
  return {
    moment,
    replica,
    ballot: null,
    truncate: null,
    install: null,
    append: [],
    settled: [],
    send: [],
    announce: [],
    submit: [],
    delivered: [],
    appended: null,
    acknowledged: null,
    reportTo: null,
  };
}

export function change(work: Work, fields: Partial<Replica>): void {
  work.replica = { ...work.replica, ...fields };
}

export function become(work: Work, role: Role): void {
  change(work, { role });
}

/** Raises or completes what is on disk before anything of this step leaves. */
export function persistBallot(work: Work, fields: Partial<Ballot>): void {
  work.ballot = { ...work.replica.ballot, ...fields };
  change(work, { ballot: work.ballot });
}

/** A number that this node has not used before. */
export function draw(work: Work): number {
  const counter = work.replica.counter + 1;
  change(work, { counter });
  return counter;
}

/** Along the route to any node of the connected set; without a route it is dropped, every talk has its repetition. */
export function post(work: Work, to: NodeId, message: Outgoing): void {
  const via = work.replica.routes.get(to);
  if (via === undefined) return;
  work.send.push({ via, from: work.replica.self, to, hops: work.replica.policy.maxHops, message });
}

/** To a peer over the connection itself, whether it hears us or not. */
export function postToPeer(work: Work, peer: NodeId, message: Outgoing, list: Send[] = work.send): void {
  list.push({ via: peer, from: work.replica.self, to: peer, hops: 0, message });
}

/** The work's persist field, null when there is nothing to write. */
export function persistOf({ ballot, truncate, install, append, settled }: Work): Persist | null {
  const nothing = ballot === null && truncate === null && install === null;
  if (nothing && append.length === 0 && settled.length === 0) return null;
  return { ballot, truncate, install, append, settled };
}
