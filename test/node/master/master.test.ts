import { describe, expect, it } from 'vitest';
import { CommandId, MetaInstanceId } from '../../../main/core/id.ts';
import type { Command } from '../../../main/core/command.ts';
import { defaultPolicy } from '../../../main/core/policy.ts';
import { emptyState } from '../../../main/core/state.ts';
import { Master } from '../../../main/node/master/master.ts';
import { card, event, spec } from '../../support/builders.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { MemoryLog } from '../../support/memory-log.ts';

function setUp(): { master: Master; log: MemoryLog; broken: Error[] } {
  const log = new MemoryLog();
  const broken: Error[] = [];
  const master = new Master(
    { log, clock: new FakeClock() },
    {
      state: emptyState,
      observe: () => ({ telemetry: { nodes: {}, runners: {}, downloads: [] }, policy: defaultPolicy }),
      onBroken: (problem) => broken.push(problem),
    },
  );
  return { master, log, broken };
}

const create = (name: string, commandId = `create-${name}`): Command => ({
  type: 'CreateMetaInstance',
  commandId: CommandId.parse(commandId),
  metaInstanceId: MetaInstanceId.parse(name),
  spec: spec(),
  card: card(),
});

/** Lets everything that is already settled take effect. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('the master', () => {
  it('[S2] numbers events without gaps and hands them to the log in order', async () => {
    const { master, log } = setUp();
    await master.report({ ...event.nodeStarted() } as Parameters<Master['report']>[0]);
    await master.submit(create('chat'));
    expect(log.entries.map(({ index, event: { type } }) => [index, type])).toEqual([
      [1, 'NodeStarted'],
      [2, 'MetaInstanceCreated'],
    ]);
    expect(log.entries[1]?.commandId).toBe('create-chat');
  });

  it('shows nobody an event before it is on disk, and decides on it all the same', async () => {
    const { master, log } = setUp();
    const seen: number[] = [];
    master.watch(({ index }) => seen.push(index));
    log.holding = true;
    const first = master.submit(create('chat'));
    const second = await master.submit(create('chat', 'another'));
    await settled();
    expect(second).toMatchObject({ ok: false, error: { code: 'AlreadyExists' } });
    expect({ seen, onDisk: master.state.lastIndex, ordered: master.ordered.lastIndex }).toEqual({
      seen: [],
      onDisk: 0,
      ordered: 1,
    });
    log.commit();
    await expect(first).resolves.toEqual({ ok: true, value: { index: 1 } });
    expect({ seen, onDisk: master.state.lastIndex }).toEqual({ seen: [1], onDisk: 1 });
  });

  it('[K1] a command repeated while the first is being written is answered when that one is on disk', async () => {
    const { master, log } = setUp();
    log.holding = true;
    let answered = 0;
    void master.submit(create('chat')).then(() => (answered += 1));
    void master.submit(create('chat')).then(() => (answered += 1));
    await settled();
    expect(answered).toBe(0);
    log.commit();
    await settled();
    expect({ answered, entries: log.entries.length }).toEqual({ answered: 2, entries: 1 });
  });

  it('[N2] drops a late report without a trace', async () => {
    const { master, log } = setUp();
    const late = event.runnerStatusChanged('gone', { type: 'Ready' });
    await expect(master.report(late as Parameters<Master['report']>[0])).resolves.toBe(false);
    expect(log.entries).toEqual([]);
  });

  it('stops ordering for good when the log refuses, tells so once, and fails what waited', async () => {
    const { master, log, broken } = setUp();
    log.holding = true;
    const first = master.submit(create('one'));
    const second = master.submit(create('two'));
    first.catch(() => undefined);
    second.catch(() => undefined);
    log.refuse(new Error('the disk is full'));
    await expect(first).rejects.toThrow('the disk is full');
    await expect(second).rejects.toThrow('the disk is full');
    await expect(master.submit(create('three'))).rejects.toThrow('the disk is full');
    expect(broken.map(({ message }) => message)).toEqual(['the disk is full']);
    expect(master.state.lastIndex).toBe(0);
  });

  it('keeps what it ordered whole when a batch can not be applied', async () => {
    const { master, log } = setUp();
    const batch = [event.metaInstanceCreated('chat'), event.metaInstanceDeleting('nobody')];
    expect(() => void master.record(batch)).toThrow('nobody');
    await master.submit(create('chat'));
    expect(log.entries.map(({ index }) => index)).toEqual([1]);
  });
});
