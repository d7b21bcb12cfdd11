import { describe, expect, it } from 'vitest';
import type { RunnerId } from '../../../main/core/id.ts';
import type { InstanceId } from '../../../main/core/id.ts';
import type { RunnerStatus } from '../../../main/core/instance.ts';
import { defaultRunnerTimings } from '../../../main/node/runner/defaults.ts';
import type { OwnedProcess } from '../../../main/node/runner/owned-process.ts';
import { Supervisor } from '../../../main/node/runner/supervisor.ts';
import { Parking } from '../../../main/node/worker/parking.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { FakeRunnerHost } from '../../support/fake-runner-host.ts';
import { invitation, rankSetup, silentLog } from '../../support/runner-builders.ts';
import { types } from '../../support/runner-world.ts';

const chat = 'chat.g1.p0' as InstanceId;
const attempt = (incarnation: number): RunnerId => `chat.g1.p0.i${incarnation}.r0` as RunnerId;

/** One rank of two over its attempts, with what is parked between them. */
class Rank {
  readonly clock = new FakeClock();
  readonly host = new FakeRunnerHost();
  readonly parking = new Parking(
    { clock: this.clock, log: silentLog },
    { timings: defaultRunnerTimings, onChange: () => (this.changes += 1) },
  );
  changes = 0;
  statuses: RunnerStatus[] = [];

  start(incarnation: number): Supervisor {
    const { clock, host } = this;
    this.statuses = [];
    const setup = rankSetup({ runnerId: attempt(incarnation) });
    const process = this.parking.take(setup, chat)?.process;
    const supervisor = new Supervisor(
      { host, clock, log: silentLog },
      {
        setup,
        onStatus: (status) => this.statuses.push(status),
        onTelemetry: () => undefined,
        onParked: (parked: OwnedProcess) => this.parking.park(parked, setup, chat),
        ...(process && { process }),
      },
    );
    supervisor.start();
    if (process === undefined) host.last.hello();
    return supervisor;
  }

  /** The first attempt, with weights. */
  loaded(): Supervisor {
    const supervisor = this.start(0);
    this.host.last.say({ type: 'Listening', port: 4000 });
    supervisor.connect(invitation);
    this.host.last.say({ type: 'Connected' });
    supervisor.load();
    this.host.last.say(
      { type: 'Loading', layersLoaded: 2, totalLayers: 2 },
      { type: 'Loaded', weightBytes: 9, contextTokens: 64 },
    );
    return supervisor;
  }

  async beat(forMs: number): Promise<void> {
    for (let at = 0; at < forMs; at += 500) {
      await this.clock.advance(500);
      this.host.last.heartbeat(at);
    }
  }
}

const lost = {
  type: 'GroupLost',
  failure: { reason: 'GroupLost', phase: 'Serving', message: 'rank 1 on bob is gone' },
} as const;

describe('a rank', () => {
  it('is Idle once it listens, and tells its port until it has joined', () => {
    const rank = new Rank();
    const supervisor = rank.start(0);
    expect(rank.statuses).toEqual([]);
    rank.host.last.say({ type: 'Listening', port: 4000 });
    supervisor.connect(invitation);
    expect(rank.statuses).toEqual([
      { type: 'Idle', port: 4000 },
      { type: 'Connecting', port: 4000 },
    ]);
    expect(rank.host.last.requests.at(-1)).toEqual({ type: 'Connect', group: invitation });
  });

  it('that never listens misses the deadline of its start', async () => {
    const rank = new Rank();
    rank.start(0);
    await rank.beat(10_500);
    rank.host.last.exit({ type: 'Exited', code: 0 });
    expect(rank.statuses.at(-1)).toMatchObject({ failure: { reason: 'PhaseTimeout', phase: 'Starting' } });
  });

  it('that is idle waits for the others as long as it takes', async () => {
    const rank = new Rank();
    rank.start(0);
    rank.host.last.say({ type: 'Listening', port: 4000 });
    await rank.beat(60_000);
    expect(types(rank.statuses)).toEqual(['Idle']);
  });

  it('that can not join for a reason of its node fails with it', () => {
    const rank = new Rank();
    const supervisor = rank.start(0);
    rank.host.last.say({ type: 'Listening', port: 4000 });
    supervisor.refuseToConnect('no address of rank 1 on bob is known here');
    rank.host.last.exit({ type: 'Exited', code: 0 });
    expect(rank.statuses.at(-1)).toMatchObject({
      failure: { reason: 'GroupLost', message: 'While starting, no address of rank 1 on bob is known here.' },
    });
  });
});

describe('a rank that serves', () => {
  it('and whose busy engine stands still is told to leave its group within five seconds, before any signal', async () => {
    const rank = new Rank();
    rank.loaded();
    for (let at = 0; at < 4_500; at += 500) {
      await rank.clock.advance(500);
      rank.host.last.heartbeat(7, true);
    }
    expect(rank.host.last.heard.at(-1)).toBe('Shutdown');
    expect(rank.host.last.signals).toEqual([]);
    rank.host.last.exit({ type: 'Exited', code: 0 });
    expect(rank.statuses.at(-1)).toMatchObject({ failure: { reason: 'EngineStuck' } });
  });
});

describe('a rank whose group is lost', () => {
  it('fails for that reason, and its process stays with the weights', () => {
    const rank = new Rank();
    rank.loaded();
    rank.host.last.say(lost);
    expect(rank.statuses.at(-1)).toMatchObject({
      type: 'Failed',
      failure: { reason: 'GroupLost', message: 'While serving: rank 1 on bob is gone' },
    });
    expect(rank.host.last.signals).toEqual([]);
    expect(rank.parking.view).toEqual([{ runnerId: attempt(0), instanceId: chat, ending: false }]);
  });

  it('is taken over by the next attempt at the same shard, which needs no new process', () => {
    const rank = new Rank();
    rank.loaded();
    rank.host.last.say(lost);
    const next = rank.start(1);
    expect(rank.host.processes).toHaveLength(1);
    expect(rank.parking.view).toEqual([]);
    rank.host.last.say({ type: 'Listening', port: 4001 });
    next.connect(invitation);
    rank.host.last.say({ type: 'Connected' });
    expect(types(rank.statuses)).toEqual(['Idle', 'Connecting', 'Connected']);
    rank.host.last.exit({ type: 'Signalled', signal: 'SIGSEGV' });
    expect(rank.statuses.at(-1)).toMatchObject({ failure: { reason: 'Crashed' } });
    expect(rank.clock.waiting).toBe(0);
  });

  it('is not taken over by another shard or another Instance', () => {
    const rank = new Rank();
    rank.loaded();
    rank.host.last.say(lost);
    expect(rank.parking.take(rankSetup({ lastLayer: 3 }), chat)).toBeUndefined();
    expect(rank.parking.take(rankSetup(), 'other' as InstanceId)).toBeUndefined();
    expect(rank.parking.take(rankSetup(), chat)).toBeDefined();
  });
});

describe('a rank beside a failed peer', () => {
  it('leaves its group and is parked when it holds weights', () => {
    const rank = new Rank();
    const supervisor = rank.loaded();
    void supervisor.park('a peer failed');
    expect(rank.host.last.heard.at(-1)).toBe('Park');
    rank.host.last.say({ type: 'Parked' });
    expect(types(rank.statuses).slice(-2)).toEqual(['ShuttingDown', 'Shutdown']);
    expect(rank.parking.view).toHaveLength(1);
  });

  it('is parked too when it lost its group just before', () => {
    const rank = new Rank();
    const supervisor = rank.loaded();
    void supervisor.park('a peer failed');
    rank.host.last.say(lost);
    expect(types(rank.statuses).at(-1)).toBe('Shutdown');
    expect(rank.parking.view).toHaveLength(1);
  });

  it('ends when it holds none', () => {
    const rank = new Rank();
    const supervisor = rank.start(0);
    void supervisor.park('a peer failed');
    expect(rank.host.last.heard.at(-1)).toBe('Shutdown');
  });

  it('that does not answer is shut down, then ended by signals', async () => {
    const rank = new Rank();
    void rank.loaded().park('a peer failed');
    await rank.beat(3_500);
    expect(rank.host.last.heard.slice(-2)).toEqual(['Park', 'Shutdown']);
    await rank.beat(4_500);
    expect(rank.host.last.signals).toEqual(['SIGTERM']);
    expect(rank.parking.view).toEqual([]);
  });
});

describe('a parked process', () => {
  const parked = (): Rank => {
    const rank = new Rank();
    rank.loaded();
    rank.host.last.say(lost);
    return rank;
  };

  it.each<[string, number, boolean]>([
    ['keeps its weights for two minutes', 119_000, false],
    ['ends after that', 121_000, true],
  ])('%s', async (_, afterMs, ends) => {
    const rank = parked();
    await rank.beat(afterMs);
    expect(rank.host.last.heard.includes('Shutdown')).toBe(ends);
    expect(rank.parking.view[0]?.ending).toBe(ends);
  });

  it('that stops answering is ended, and gone once its process is', async () => {
    const rank = parked();
    await rank.clock.advance(3_250);
    expect(rank.parking.view[0]?.ending).toBe(true);
    rank.host.last.exit({ type: 'Exited', code: 0 });
    expect(rank.parking.view).toEqual([]);
    expect(rank.clock.waiting).toBe(0);
  });

  it('that dies is gone', () => {
    const rank = parked();
    const before = rank.changes;
    rank.host.last.exit({ type: 'Signalled', signal: 'SIGKILL' });
    expect(rank.parking.view).toEqual([]);
    expect(rank.changes).toBe(before + 1);
  });

  it('that is not wanted is ended; asked twice, once', async () => {
    const rank = parked();
    rank.parking.end(attempt(0), 'the model was deleted');
    const gone = rank.parking.endAll('the node is shutting down');
    expect(rank.host.last.heard.filter((type) => type === 'Shutdown')).toHaveLength(1);
    rank.host.last.exit({ type: 'Exited', code: 0 });
    await gone;
  });
});
