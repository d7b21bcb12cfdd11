import { describe, expect, test } from 'vitest';
import { apply } from '../../../main/core/apply/index.ts';
import type { Command } from '../../../main/core/command.ts';
import type { Entry } from '../../../main/core/election/message.ts';
import type { Event } from '../../../main/core/event.ts';
import type { CommandId, NodeId } from '../../../main/core/id.ts';
import { defaultPolicy } from '../../../main/core/policy.ts';
import { CommandPromises } from '../../../main/core/simulator/command-promises.ts';
import { LogPromises } from '../../../main/core/simulator/log-promises.ts';
import { reviewMasters, reviewRest } from '../../../main/core/simulator/rest-rules.ts';
import { parseScenario } from '../../../main/core/simulator/scenario.ts';
import { StateRules } from '../../../main/core/simulator/state-rules.ts';
import { World } from '../../../main/core/simulator/world.ts';
import { emptyState, type ClusterState } from '../../../main/core/state.ts';
import { GiB } from '../../../main/core/unit.ts';
import { card } from '../../support/builders.ts';
import { ada, bob, chat, created, joined, placed, runner } from '../../support/core-builders.ts';

/** A rule that cannot fail proves nothing: each is shown what it must not let pass. */
const entry = (index: number, masterId: string, event: Event): Entry => ({
  index,
  at: 1,
  event,
  epoch: { term: 1, masterId: masterId as NodeId },
});

function logs(): { promises: LogPromises; said: string[] } {
  const said: string[] = [];
  return { promises: new LogPromises((rule, message) => said.push(`${rule}: ${message}`)), said };
}

describe('[V4] what must hold at every step', () => {
  test('one entry that is two things', () => {
    const { promises, said } = logs();
    promises.stored([entry(1, 'node-ada', joined(ada))], 1);
    promises.stored([entry(1, 'node-ada', joined(ada))], 1);
    expect(said).toEqual([]);
    promises.stored([entry(1, 'node-ada', joined(ada, 'another'))], 1);
    expect(said).toEqual(['LogsDiffer: entry 1.node-ada:1 is two things']);
  });

  test('one entry on two different ones', () => {
    const { promises, said } = logs();
    const second = entry(2, 'node-cyd', joined(ada));
    promises.stored([entry(1, 'node-ada', joined(ada)), second], 2);
    promises.stored([entry(1, 'node-bob', joined(ada)), second], 2);
    expect(said).toEqual(['LogsDiffer: entry 1.node-cyd:2 lies on 1.node-ada:1 and on 1.node-bob:1']);
  });

  const played = (...events: readonly Event[]): string[] => {
    const said: string[] = [];
    const rules = new StateRules(defaultPolicy, (rule, message) => said.push(`${rule}: ${message}`));
    let state: ClusterState = emptyState;
    for (const event of events) {
      const indexed = { index: state.lastIndex + 1, at: 1, event };
      const next = apply(state, indexed);
      rules.check(state, next, indexed);
      state = next;
    }
    return said;
  };
  const { instance } = placed([ada]);
  const { instanceId } = instance;

  test('a fourth retry that nobody asked for', () => {
    const retry: Event = { type: 'InstanceRetrying', instanceId };
    const start = [joined(ada), created(chat), placed([ada])];
    expect(played(...start, retry, retry, retry)).toEqual([]);
    expect(played(...start, retry, retry, retry, retry)).toEqual([
      'TooManyRetries: event 7 is retry 4 of chat that nobody asked for',
    ]);
    const asked: Event = { type: 'MetaInstanceRetried', metaInstanceId: chat };
    expect(played(...start, retry, retry, retry, asked, retry)).toEqual([]);
  });

  test('[N3] a runner whose life goes back in the log, or that another node speaks of', () => {
    const start = [joined(ada), joined(bob), created(chat), placed([ada]), runner('Ready')];
    expect(played(...start, runner('ShuttingDown'), runner('Shutdown'))).toEqual([]);
    expect(played(...start, runner('Loaded'))).toEqual([expect.stringMatching(/^RunnerGoesBack: event 6: /)]);
    const ofAnother = { ...runner('Shutdown'), nodeId: bob } as Event;
    expect(played(...start, ofAnother)).toEqual([expect.stringMatching(/^RunnerGoesBack: event 6: /)]);
  });

  test('an id that an Instance had before', () => {
    const ends: Event = { type: 'InstanceDeleted', instanceId, reason: 'Deleted', message: 'by hand' };
    const start = [joined(ada), created(chat), placed([ada])];
    expect(played(...start, ends, { ...placed([ada]), type: 'InstanceAdopted', runners: [] })).toEqual([]);
    expect(played(...start, ends, placed([ada]))).toEqual([
      `OneIdTwice: event 5 creates another Instance ${instanceId}`,
    ]);
  });

  test('more planned on a node than it has', () => {
    const big = card({ weightBytes: 20 * GiB });
    const planned = placed([ada], chat, { card: big });
    expect(played(joined(ada), created(chat, {}, big), planned)).toEqual([
      expect.stringMatching(/^OverMemory: event 3 plans \d+ bytes on ada, which has 17179869184$/),
    ]);
  });
});

function world(): World {
  const node = (id: string): unknown => ({ id, memoryGiB: 16 });
  const parsed = parseScenario({
    nodes: [node('ada'), node('bob')],
    models: [{ id: 'Small', layers: 8, weightGiB: 1 }],
    steps: [],
    until: 60,
    settleSeconds: 5,
  });
  if (!parsed.ok) throw new Error(parsed.problems.join());
  return new World(parsed.scenario, { seed: 1, keepTrace: false });
}

describe('[V5] a connected set that is left in peace has one master', () => {
  test('none is seen when two lead apart and nobody says that they are', () => {
    const cluster = world();
    cluster.runUntil(20_000);
    reviewMasters(cluster);
    expect(cluster.watch.violations).toEqual([]);
    cluster.network.close(cluster.machine('ada').nodeId, cluster.machine('bob').nodeId);
    cluster.runUntil(40_000);
    reviewMasters(cluster);
    expect(cluster.watch.violations).toEqual([]);
    // The cable is back in the rule's eyes only: both still lead.
    cluster.network.carries = () => true;
    reviewMasters(cluster);
    expect(cluster.watch.violations).toMatchObject([
      { rule: 'NoOneMaster', message: '2 masters among ada, bob after 5 s of quiet' },
    ]);
  });
});

describe('[V6] what people were told', () => {
  const create = { type: 'CreateMetaInstance', commandId: 'c1', metaInstanceId: chat } as Command;
  const remove = { type: 'DeleteMetaInstance', commandId: 'c2', metaInstanceId: chat } as Command;
  const accepted = { type: 'Accepted' } as const;
  const held = (...commands: string[]): CommandId[] => commands as CommandId[];
  const knows = (...commands: string[]): ClusterState => ({ ...emptyState, commands: held(...commands) });

  test('a command that was told as done, is on a disk and not in the log is lost', () => {
    const promises = new CommandPromises();
    promises.asked(create);
    promises.decided(create, accepted, held('c1'));
    promises.answered(create, accepted);
    expect(promises.lost(knows())).toEqual([]);
    promises.stored(create.commandId, ada);
    expect(promises.lost(knows())).toEqual(['c1']);
    expect(promises.lost(knows('c1'))).toEqual([]);
    promises.settled(create.commandId, { type: 'Refused', code: 'AlreadyExists', message: 'taken' });
    expect(promises.lost(knows())).toEqual([]);
  });

  test('what was deleted and is there again without anybody asking is revived', () => {
    const promises = new CommandPromises();
    for (const command of [create, remove]) {
      promises.asked(command);
      promises.decided(command, accepted, held('c1', command.commandId));
      promises.answered(command, accepted);
      promises.stored(command.commandId, ada);
    }
    const made: Entry = { ...entry(1, 'node-ada', created(chat)), commandId: create.commandId };
    const state = apply(emptyState, { index: 1, at: 1, event: created(chat) });
    expect(promises.revived(state, [made])).toEqual([{ name: 'chat', commandId: 'c2' }]);
    const anew: Entry = { ...made, commandId: 'c3' as CommandId };
    expect(promises.revived(state, [made, anew])).toEqual([]);
    expect(promises.revived(emptyState, [made])).toEqual([]);
  });
});

test('[V4] a master that is followed tells what none of its followers has', () => {
  const cluster = world();
  cluster.runUntil(5_000);
  const [master] = cluster.machines.filter(({ life }) => life?.leads);
  const create = { type: 'CreateMetaInstance', commandId: 'c1', metaInstanceId: chat } as Command;
  const accepted = { type: 'Accepted' } as const;
  const { watch } = cluster;
  watch.decided(master!, create, accepted, [create.commandId], false);
  watch.decided(master!, create, accepted, [], true);
  expect(watch.violations).toEqual([]);
  watch.commands.held(create.commandId, master!.nodeId);
  watch.decided(master!, create, accepted, [create.commandId], true);
  expect(watch.violations).toMatchObject([{ rule: 'AnsweredAlone' }]);
  const remove = { type: 'DeleteMetaInstance', commandId: 'c2', metaInstanceId: chat } as Command;
  for (const { nodeId } of cluster.machines) watch.commands.held(remove.commandId, nodeId);
  watch.decided(master!, remove, accepted, [remove.commandId], true);
  expect(watch.violations).toHaveLength(1);
});

test('[V6] what the other side made comes after the delete, which is then told by two tails → not revived (random life 109772)', () => {
  const promises = new CommandPromises();
  const ids = (...commands: string[]): CommandId[] => commands as CommandId[];
  const create = { type: 'CreateMetaInstance', commandId: 'c1', metaInstanceId: chat } as Command;
  const remove = { type: 'DeleteMetaInstance', commandId: 'c2', metaInstanceId: chat } as Command;
  promises.asked(create);
  promises.answered(create, { type: 'Accepted' });
  promises.asked(remove);
  for (const held of [ids('c2'), ids('c2', 'c1')]) promises.decided(remove, { type: 'Accepted' }, held);
  promises.stored(remove.commandId, ada);
  const made: Entry = { ...entry(1, 'node-ada', created(chat)), commandId: create.commandId };
  const state = apply(emptyState, { index: 1, at: 1, event: created(chat) });
  expect(promises.revived(state, [made])).toEqual([]);
});

describe('[V7] at rest', () => {
  const small = { do: 'create', name: 'chat', model: 'Small', node: 'ada' };

  async function readyWorld(): Promise<World> {
    const cluster = world();
    const { act } = await import('../../../main/core/simulator/act.ts');
    cluster.runUntil(1_000);
    act(cluster, { at: 1, ...small } as Parameters<typeof act>[1]);
    cluster.runUntil(59_000);
    return cluster;
  }

  test('Ready in the log and nowhere else is seen, and a process that nobody wants', async () => {
    const cluster = await readyWorld();
    expect(reviewRest(cluster)).toBe(true);
    expect(cluster.watch.violations).toEqual([]);
    const serving = cluster.machines.find(({ life }) => life?.worker.living.length === 1)!;
    const [process] = serving.life!.worker.living;
    process!.status = { type: 'Loaded' };
    reviewRest(cluster);
    const message = `chat counts as ready, but rank 0 on ${serving.name} is Loaded`;
    expect(cluster.watch.violations).toMatchObject([{ rule: 'NotAtRest', message }]);
    Object.assign(process!, { runnerId: 'chat.g9.p9.i0.r0', status: { type: 'Ready' } });
    reviewRest(cluster);
    const rules = cluster.watch.violations.map(({ rule }) => rule);
    expect(rules).toContain('Orphan');
    expect(rules).toContain('Ghost');
  });
});
