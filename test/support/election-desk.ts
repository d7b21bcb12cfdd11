import type { Epoch } from '../../main/core/election/epoch.ts';
import type { Input } from '../../main/core/election/input.ts';
import type { Message } from '../../main/core/election/message.ts';
import type { Ready } from '../../main/core/election/ready.ts';
import { blank, type Persisted, type Replica } from '../../main/core/election/replica.ts';
import { restore, step } from '../../main/core/election/step.ts';
import { idOf } from './election-cluster.ts';
import { kept } from './election-node.ts';

export const [ada, bob, cyd] = [idOf('ada'), idOf('bob'), idOf('cyd')];
export const epoch = (term: number, masterId = bob): Epoch => ({ term, masterId });

/** One replica, ada, whose neighbours' words a test writes. */
export class Desk {
  replica: Replica;
  ready: Ready;
  now = 0;
  #versions = 0;

  constructor(persisted: Partial<Persisted> = {}) {
    const init = { self: ada, known: [ada, bob, cyd] };
    ({ replica: this.replica, ready: this.ready } = restore({ ...blank, ...persisted }, init, this.moment));
  }

  get moment(): { now: number; random: number } {
    return { now: this.now, random: 0.5 };
  }

  input(input: Input): this {
    ({ replica: this.replica, ready: this.ready } = step(this.replica, input, this.moment));
    return this;
  }

  hears(from: typeof ada, message: Message): this {
    const envelope = { from, to: ada, hops: 0, message };
    return this.input({ type: 'Received', peer: from, envelope });
  }

  /** A neighbour that hears ada, too. */
  meets(peer: typeof ada, master: Epoch | null = null, neighbours = [ada]): this {
    this.#versions += 1;
    const standing =
      master === null
        ? ({ type: 'Seeking' } as const)
        : ({ type: master.masterId === peer ? 'Master' : 'Following', epoch: master } as const);
    const advert = { nodeId: peer, version: this.#versions, neighbours, standing };
    return this.hears(peer, { type: 'Adverts', adverts: [advert] });
  }

  wait(ms: number): this {
    this.now += ms;
    return this.input({ type: 'Tick' });
  }

  /** Ticks as the replica asks for, until then. */
  live(ms: number): this {
    const end = this.now + ms;
    while (this.ready.wakeAt <= end) {
      this.now = Math.max(this.now, this.ready.wakeAt);
      this.input({ type: 'Tick' });
    }
    this.now = end;
    return this;
  }

  said<Type extends Message['type']>(type: Type): Extract<Message, { type: Type }>[] {
    return this.ready.send
      .map(({ message }) => message)
      .filter((message): message is Extract<Message, { type: Type }> => message.type === type);
  }
}

export const ask = (
  stage: 'Poll' | 'Vote',
  term: number,
  last = 0,
  lineage: Epoch | null = null,
): Message => ({
  type: 'Ask',
  round: 7,
  stage,
  term,
  recency: { lineage, last },
  degree: 1,
});

export const entries = (
  count: number,
  of: Epoch,
  from = 1,
): Extract<Message, { type: 'Append' }>['entries'] =>
  Array.from({ length: count }, (_, at) => ({
    index: from + at,
    at: 0,
    epoch: of,
    event: { type: 'MetaInstanceDeleting', metaInstanceId: kept('chat', 1).command.commandId as never },
  }));

export const stored = (
  last: number,
  of = epoch(1),
  ballot = { lives: 1, term: 1, vote: bob, lineage: of },
): Persisted => ({
  ...blank,
  ballot,
  log: { base: 0, snapshot: 0, last, starts: last === 0 ? [] : [{ epoch: of, index: 1 }] },
});

/** Follows bob in term 2, level at `last`. */
export function follower(last = 0): Desk {
  const desk = new Desk(stored(last)).meets(bob, epoch(2));
  const [join] = desk.said('Join');
  return desk.hears(bob, {
    type: 'Accept',
    session: join!.session,
    epoch: epoch(2),
    cut: last,
    target: last,
  });
}

export const session = ({ replica: { role } }: Desk): number =>
  role.type === 'Following' ? role.session : -1;
