import { describe, expect, it } from 'vitest';
import { MetaInstanceId } from '../../../main/core/id.ts';
import { GiB, MiB } from '../../../main/core/unit.ts';
import { macMemory } from '../../../main/node/hardware/mac-memory.ts';
import { MemoryReturn, missingBytes } from '../../../main/node/worker/memory-return.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { WorkerWorld } from '../../support/worker-world.ts';

const total = 16 * GiB;

/** What `vm_stat` prints, with that much wired. */
function vmStat(wiredBytes: number): string {
  const page = 16_384;
  return [
    `Mach Virtual Memory Statistics: (page size of ${page} bytes)`,
    'Pages free:                              200000.',
    'Pages inactive:                          100000.',
    'Pages speculative:                        10000.',
    `Pages wired down:                        ${Math.round(wiredBytes / page)}.`,
  ].join('\n');
}

describe('what is missing', () => {
  it.each<[string, { before: number; now: number; heldBytes: number }, number]>([
    ['nothing, when as much is wired as before', { before: GiB, now: GiB, heldBytes: 4 * GiB }, 0],
    ['nothing, when less is', { before: 2 * GiB, now: GiB, heldBytes: 4 * GiB }, 0],
    ['all that it held', { before: GiB, now: 5 * GiB, heldBytes: 4 * GiB }, 4 * GiB],
    ['never more than it held', { before: GiB, now: 9 * GiB, heldBytes: 4 * GiB }, 4 * GiB],
    ['nothing, when less than half of it is', { before: GiB, now: 2.5 * GiB, heldBytes: 4 * GiB }, 0],
    ['nothing of a small one', { before: GiB, now: GiB + 200 * MiB, heldBytes: 200 * MiB }, 0],
  ])('%s', (_, seen, missing) => {
    expect(missingBytes(seen)).toBe(missing);
  });
});

describe('memory after a runner', () => {
  /** What is wired at each look, the last one again and again. */
  function watched(...wired: readonly (number | undefined)[]): { memory: MemoryReturn; clock: FakeClock } {
    const clock = new FakeClock();
    const looks = [...wired];
    const read = async (): Promise<ReturnType<typeof macMemory>> => {
      const now = looks.length > 1 ? looks.shift() : looks[0];
      if (now === undefined) throw new Error('vm_stat is not there');
      return macMemory(vmStat(now), total);
    };
    return { memory: new MemoryReturn({ clock, read }), clock };
  }

  it('that comes back late is waited for', async () => {
    const { memory, clock } = watched(GiB, 5 * GiB, 5 * GiB, GiB);
    const missing = memory.missingAfter(memory.before(''), { heldBytes: 4 * GiB, others: '' });
    await clock.advance(2_000);
    expect(await missing).toBe(0);
    expect(clock.waiting).toBe(0);
  });

  it('that stays away is missing after ten seconds', async () => {
    const { memory, clock } = watched(GiB, 5 * GiB);
    let missing: number | undefined;
    void memory
      .missingAfter(memory.before(''), { heldBytes: 4 * GiB, others: '' })
      .then((bytes) => (missing = bytes));
    await clock.advance(9_500);
    expect(missing).toBeUndefined();
    await clock.advance(1_000);
    expect(missing).toBe(4 * GiB);
  });

  it.each<[string, readonly (number | undefined)[], string]>([
    ['the system does not tell before', [undefined], ''],
    ['the system does not tell after', [GiB, undefined], ''],
    ['another runner came or went meanwhile', [GiB, 5 * GiB], 'other.g1.p0.i0.r0'],
  ])('is not judged when %s', async (_, wired, others) => {
    const { memory } = watched(...wired);
    expect(await memory.missingAfter(memory.before(''), { heldBytes: 4 * GiB, others })).toBe(0);
  });

  it('is waited for no longer when the node ends', async () => {
    const { memory, clock } = watched(GiB, 5 * GiB);
    const missing = memory.missingAfter(memory.before(''), { heldBytes: 4 * GiB, others: '' });
    await clock.advance(1_000);
    memory.close();
    memory.close();
    expect(await missing).toBe(0);
    expect(clock.waiting).toBe(0);
  });
});

describe('a node whose runner leaves memory behind', () => {
  it('says so with the end of the runner, and does not start it again', async () => {
    let wired = GiB;
    const world = new WorkerWorld(async () => macMemory(vmStat(wired), total));
    await world.start();
    await world.submit('create');
    await world.becomeReady();
    wired = 5 * GiB;
    await world.say({
      type: 'Heartbeat',
      ...{ beats: 1, busy: false, activeTasks: 0, queuedTasks: 0 },
      ...{ weightBytes: 4 * GiB, kvBytes: 0, residentBytes: 4 * GiB },
    });
    world.runner.exit({ type: 'Signalled', signal: 'SIGKILL' });
    await world.pass(5_000);
    expect(world.phase()).not.toContain('RETRYING');
    await world.pass(6_000);
    const { status } = world.state.metaInstances[MetaInstanceId.parse('chat')]!;
    expect(status.conditions.MemoryLeaked?.message).toContain(
      '4.00 GiB that its runner held did not come back',
    );
    expect(status.conditions.Placed).toMatchObject({ status: 'False', reason: 'MemoryLeaked' });
    await world.pass(60_000);
    expect(world.host.processes).toHaveLength(1);
    await world.stop();
  });

  it('starts it again as usual when memory is back', async () => {
    const world = new WorkerWorld(async () => macMemory(vmStat(GiB), total));
    await world.start();
    await world.submit('create');
    await world.becomeReady();
    world.runner.exit({ type: 'Signalled', signal: 'SIGKILL' });
    await world.pass(3_000);
    expect(world.host.processes).toHaveLength(2);
    await world.stop();
  });
});
