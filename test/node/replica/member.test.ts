import { describe, expect, it } from 'vitest';
import type { Command } from '../../../main/core/command.ts';
import type { Event } from '../../../main/core/event.ts';
import { CommandId, MetaInstanceId, NodeId } from '../../../main/core/id.ts';
import { defaultPolicy } from '../../../main/core/policy.ts';
import { Member } from '../../../main/node/replica/member.ts';
import { card, event, spec } from '../../support/builders.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { MemoryAir, type MemoryPeerNetwork } from '../../support/memory-peer-network.ts';
import { MemoryReplicaDisk } from '../../support/memory-replica-disk.ts';
import { silentLog } from '../../support/runner-builders.ts';

interface Seat {
  readonly nodeId: NodeId;
  readonly disk: MemoryReplicaDisk;
  readonly network: MemoryPeerNetwork;
  readonly member: Member;
  readonly seen: number[];
  readonly broken: Error[];
}

/** Real members of one cluster, without work of their own; disks and network in memory, time by hand. */
class Desk {
  readonly clock = new FakeClock();
  readonly air = new MemoryAir({ clock: this.clock }, { latencyMs: 1 });
  readonly seats: Seat[];

  constructor(count: number) {
    let draw = 0.13;
    const random = (): number => (draw = (draw * 997.13) % 1);
    this.seats = Array.from({ length: count }, (_, at): Seat => {
      const nodeId = NodeId.parse(`12D3KooWSeat${at + 1}`);
      const sessionId = `session-${at + 1}`;
      const disk = new MemoryReplicaDisk();
      const network = this.air.join({ nodeId, sessionId });
      const seen: number[] = [];
      const broken: Error[] = [];
      const started = { ...event.nodeStarted(`seat ${at + 1}`, sessionId), nodeId };
      const member = new Member(
        { disk, network, clock: this.clock, log: silentLog, random },
        {
          nodeId,
          sessionId,
          persisted: disk.persisted,
          policy: defaultPolicy,
          started: () => started as Extract<Event, { type: 'NodeStarted' }>,
          observe: () => ({
            runners: [],
            downloads: [],
            links: [],
            holding: { nodeId, joining: false, runners: [] },
          }),
          work: {
            act: () => undefined,
            reports: () => [],
            joins: () => undefined,
            isLevel: () => undefined,
          },
          onBroken: (problem) => broken.push(problem),
        },
      );
      member.watch({ onEntry: ({ index }) => seen.push(index) });
      return { nodeId, disk, network, member, seen, broken };
    });
  }

  async start(): Promise<void> {
    for (const { member, network } of this.seats) {
      await member.start();
      await network.start();
    }
    await this.pass(3_000);
  }

  async stop(): Promise<void> {
    const stopped = this.seats.map(({ member }) => member.stop());
    await this.pass(6_000);
    await Promise.all(stopped);
    await Promise.all(this.seats.map(({ network }) => network.stop()));
  }

  async pass(ms: number): Promise<void> {
    await this.clock.advance(ms);
  }

  /** Seats are counted from 1. */
  seat(number: number): Seat {
    return this.seats[number - 1]!;
  }

  get master(): Seat {
    const [first] = this.seats;
    const found = this.seats.find(({ nodeId }) => nodeId === first?.member.master);
    if (found === undefined) throw new Error('nobody leads');
    return found;
  }

  get follower(): Seat {
    return this.seats.find((seat) => seat !== this.master)!;
  }
}

async function withDesk(count: number, run: (desk: Desk) => Promise<void>): Promise<void> {
  const desk = new Desk(count);
  await desk.start();
  await run(desk);
  await desk.stop();
}

const create = (name: string, commandId = `create-${name}`): Command => ({
  type: 'CreateMetaInstance',
  commandId: CommandId.parse(commandId),
  metaInstanceId: MetaInstanceId.parse(name),
  spec: spec({ minNodes: 9 }),
  card: card(),
});

const models = ({ disk }: Seat): string[] => Object.keys(disk.state.metaInstances).sort();

describe('a member on its own', () => {
  it('[S2] leads itself and numbers events without gaps', () =>
    withDesk(1, async ({ master, clock }) => {
      const answer = master.member.submit(create('chat'));
      await clock.advance(10);
      await expect(answer).resolves.toMatchObject({ ok: true });
      expect(master.disk.entries.map(({ index }) => index)).toEqual(
        master.disk.entries.map((_, at) => at + 1),
      );
      expect(master.disk.entries.find(({ event: { type } }) => type === 'MetaInstanceCreated')).toMatchObject(
        {
          commandId: 'create-chat',
        },
      );
    }));

  it('[K1] shows nobody an event before it is on disk, decides on it all the same, and answers a repetition then', () =>
    withDesk(1, async ({ master, clock }) => {
      const before = master.seen.length;
      master.disk.holding = true;
      const answers: string[] = [];
      void master.member.submit(create('chat')).then(() => answers.push('first'));
      void master.member.submit(create('chat')).then(() => answers.push('repeated'));
      void master.member.submit(create('chat', 'another')).then(({ ok }) => answers.push(`another ${ok}`));
      await clock.advance(50);
      expect([answers, master.seen.length - before]).toEqual([[], 0]);
      master.disk.holding = false;
      master.disk.commit();
      await clock.advance(50);
      expect(answers.sort()).toEqual(['another false', 'first', 'repeated']);
      expect(
        master.disk.entries.filter(({ event: { type } }) => type === 'MetaInstanceCreated'),
      ).toHaveLength(1);
    }));

  it('a part that fails while it is told of an event disturbs neither the others nor the log', () =>
    withDesk(1, async ({ master, clock }) => {
      const late: number[] = [];
      master.member.watch({
        onEntry: () => {
          throw new Error('a bug');
        },
      });
      master.member.watch({ onEntry: ({ index }) => late.push(index) });
      const answer = master.member.submit(create('chat'));
      await clock.advance(50);
      await expect(answer).resolves.toMatchObject({ ok: true });
      expect(late).toContain(master.disk.state.lastIndex);
    }));

  it('ends once when the disk refuses, tells so, and fails what waited', () =>
    withDesk(1, async ({ master, clock }) => {
      master.disk.holding = true;
      const waiting = master.member.submit(create('one'));
      waiting.catch(() => undefined);
      await clock.advance(10);
      master.disk.refuse(new Error('the disk is full'));
      await clock.advance(10);
      await expect(waiting).rejects.toThrow('stops before CreateMetaInstance was answered');
      await expect(master.member.submit(create('two'))).rejects.toThrow('stopping');
      expect(master.broken.map(({ message }) => message)).toEqual(['the disk is full']);
    }));
});

describe('three members', () => {
  it.each<[string, (other: NodeId, self: NodeId) => object]>([
    ['links', (from, to) => ({ links: [{ from, to, kind: 'Ethernet', bytesPerSecond: 1 }] })],
    ['downloads', (nodeId) => ({ downloads: [{ nodeId, modelId: 'a/b', doneBytes: 1, totalBytes: 2 }] })],
  ])('a member that tells of the %s of another node is not believed, and cut off', (_, said) =>
    withDesk(3, async (desk) => {
      const { master, follower: liar } = desk;
      const other = desk.seats.find((seat) => seat !== master && seat !== liar)!;
      const holding = { nodeId: liar.nodeId, joining: false, runners: [] };
      const sessionId = 'session';
      const quiet = {
        type: 'Observation',
        sessionId,
        applied: 1,
        runners: [],
        downloads: [],
        links: [],
        holding,
      };
      liar.network.send(master.nodeId, 'telemetry', { ...quiet, ...said(other.nodeId, liar.nodeId) });
      await desk.pass(20);
      const { links, downloads } = master.member.telemetry;
      expect([links ?? [], downloads]).toEqual([[], []]);
      expect(master.network.peers.map(({ nodeId }) => nodeId)).not.toContain(liar.nodeId);
    }),
  );

  it('a member that passes on nonsense in the name of another one has nobody cut off', () =>
    withDesk(3, async (desk) => {
      const { master, follower: liar } = desk;
      const other = desk.seats.find((seat) => seat !== master && seat !== liar)!;
      const message = { type: 'Carry', body: { type: 'Nonsense' } };
      const envelope = { from: other.nodeId, to: master.nodeId, hops: 1, message };
      liar.network.send(master.nodeId, 'control', { type: 'Envelope', envelope });
      await desk.pass(20);
      expect(master.network.peers).toHaveLength(2);
      expect(master.network.status.refused).toEqual([]);
    }));

  it('[E1] elect one master, and each hears of every node', () =>
    withDesk(3, async ({ seats }) => {
      expect(new Set(seats.map(({ member }) => member.master)).size).toBe(1);
      for (const { disk } of seats) expect(Object.keys(disk.state.nodes)).toHaveLength(3);
    }));

  it('a command asked at a follower is forwarded, and that one has it when it is answered', () =>
    withDesk(3, async (desk) => {
      const { follower } = desk;
      const answer = follower.member.submit(create('chat'));
      await desk.pass(200);
      await expect(answer).resolves.toMatchObject({ ok: true });
      expect(models(follower)).toEqual(['chat']);
      await desk.pass(1_000);
      expect(desk.seats.map(models)).toEqual([['chat'], ['chat'], ['chat']]);
    }));

  it('the master stops → another one leads at once, and a command asked meanwhile is decided', () =>
    withDesk(3, async (desk) => {
      const { master, follower } = desk;
      const left = master.member.stop();
      const answer = follower.member.submit(create('chat'));
      await desk.pass(2_000);
      await left;
      await expect(answer).resolves.toMatchObject({ ok: true });
      expect(follower.member.master).not.toBe(master.nodeId);
    }));

  it('the master is killed → another one leads, nothing acknowledged is lost', () =>
    withDesk(3, async (desk) => {
      const { master } = desk;
      const first = master.member.submit(create('before'));
      await desk.pass(200);
      await expect(first).resolves.toMatchObject({ ok: true });
      const { follower } = desk;
      desk.air.kill(master.nodeId);
      await desk.pass(5_000);
      const answer = follower.member.submit(create('after'));
      await desk.pass(2_000);
      await expect(answer).resolves.toMatchObject({ ok: true });
      expect(follower.member.master).not.toBe(master.nodeId);
      expect(models(follower)).toEqual(['after', 'before']);
    }));

  it('[E5, V2] apart, both sides decide; together again, one master and what both were asked', () =>
    withDesk(3, async (desk) => {
      const { master } = desk;
      const others = desk.seats.filter((seat) => seat !== master);
      for (const other of others) desk.air.cut(master.nodeId, other.nodeId);
      await desk.pass(6_000);
      const here = master.member.submit(create('here'));
      const there = others[0]!.member.submit(create('there'));
      await desk.pass(4_000);
      await expect(here).resolves.toMatchObject({ ok: true });
      await expect(there).resolves.toMatchObject({ ok: true });
      for (const other of others) desk.air.heal(master.nodeId, other.nodeId);
      await desk.pass(10_000);
      expect(new Set(desk.seats.map(({ member }) => member.master)).size).toBe(1);
      expect(desk.seats.map(models)).toEqual(desk.seats.map(() => ['here', 'there']));
    }));

  it('nobody leads in time → the caller is told what may have become of it', () =>
    withDesk(2, async (desk) => {
      const { master, follower } = desk;
      desk.air.silence(follower.nodeId, master.nodeId);
      const answer = follower.member.submit(create('chat'));
      answer.catch(() => undefined);
      await desk.pass(30);
      await follower.member.stop().catch(() => undefined);
      await expect(answer).rejects.toThrow('stops before CreateMetaInstance was answered');
    }));
});
