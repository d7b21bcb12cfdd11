import { describe, expect, test } from 'vitest';
import type { MetaInstanceId, NodeId } from '../../main/core/id.ts';
import type { ClusterState } from '../../main/core/state.ts';
import type { TrayItem } from '../../main/electron/tray-item.ts';
import { LONGEST_LINE } from '../../main/electron/words.ts';
import {
  created,
  failure,
  gaveUp,
  given,
  joined,
  onOneNode,
  retryScheduled,
  runner,
  telemetry,
} from '../support/core-builders.ts';
import { menubarOf as model, now, read } from '../support/tray.ts';

describe('a large cluster', () => {
  const nodeIds = Array.from({ length: 100 }, (_, index) => `node-mac-${String(index).padStart(3, '0')}`);
  const names = Array.from({ length: 200 }, (_, index) => `model-${String(index).padStart(3, '0')}`);
  const base = given(
    ...nodeIds.map((nodeId) => joined(nodeId as NodeId)),
    ...names.map((name) => created(name as MetaInstanceId)),
  );
  const broken = 'model-150' as MetaInstanceId;
  const stuck = base.metaInstances[broken]!;
  const state: ClusterState = {
    ...base,
    metaInstances: {
      ...base.metaInstances,
      [broken]: {
        ...stuck,
        status: {
          ...stuck.status,
          conditions: {
            ...stuck.status.conditions,
            Failed: { status: 'True', reason: 'Failed', message: '', since: 0 },
          },
        },
      },
    },
  };
  const large = model(state, {
    nodeId: nodeIds[42] as NodeId,
    master: nodeIds[77] as NodeId,
    away: [nodeIds[88] as NodeId],
    telemetry: telemetry({}),
  });
  const top = large.items.flatMap((item) => ('label' in item ? [item.label] : []));

  test('the menu fits a small display, and says how much more there is', () => {
    expect(large.items.length).toBeLessThanOrEqual(40);
    expect(top).toContain('190 more models…');
    expect(top).toContain('90 more computers…');
  });

  test('what needs a person, this computer, who leads and who is away are among what is left', () => {
    expect(top[1]).toMatch(/^model-150: failed/);
    const computers = top.filter((text) => text.startsWith('mac-')).slice(0, 4);
    expect(computers).toEqual(['mac-042, this computer', 'mac-077, leads', 'mac-088, away', 'mac-000']);
  });

  test('one more than fits takes the place of the row that would say so', () => {
    const eleven = given(...names.slice(0, 11).map((name) => created(name as MetaInstanceId)));
    const twelve = given(...names.slice(0, 12).map((name) => created(name as MetaInstanceId)));
    const rows = (of: ClusterState): number =>
      read(model(of).items).filter((line) => line.startsWith('model-')).length;
    expect([rows(eleven), rows(twelve)]).toEqual([11, 10]);
    expect(read(model(twelve).items)).toContain('2 more models…');
  });

  test('no line is longer than a small display bears', () => {
    const why = `ada: ${'no thread was left to spin '.repeat(200)}`;
    const talkative = given(...onOneNode, runner(failure(why)), retryScheduled(now, why), gaveUp);
    const longest = (items: readonly TrayItem[]): number =>
      Math.max(...read(items).map((line) => line.replace(/^ *\(|\)$/g, '').trim().length));
    expect(longest(model(talkative).items)).toBeLessThanOrEqual(LONGEST_LINE);
    expect(longest(large.items)).toBeLessThanOrEqual(LONGEST_LINE);
  });
});
