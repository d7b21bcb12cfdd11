import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createLog } from '../../../main/node/log.ts';
import { ClusterFile, type ClusterRecord } from '../../../main/node/membership/cluster-file.ts';
import { newClusterKey } from '../../../main/node/membership/cluster-key.ts';
import { finishLeaving } from '../../../main/node/membership/departure.ts';
import { loadCluster } from '../../../main/node/membership/load-cluster.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { keyOf } from '../../support/real-peers.ts';

const log = createLog({ level: 'silent', now: () => 0, write: () => undefined });
const clock = new FakeClock();
let folder: string;
const at = (name: string): string => join(folder, name);
const file = (): ClusterFile => new ClusterFile({ log }, { path: at('cluster.json') });
const finish = (record: ClusterRecord): ClusterRecord =>
  finishLeaving(
    { clusterFile: file() },
    { record, eventsPath: at('events.sqlite'), peersPath: at('peers.json') },
  );
const load = (given?: Uint8Array): ClusterRecord => loadCluster({ clock, clusterFile: file() }, { given });

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'skein-departure-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('the cluster of a node', () => {
  test('is its own at first, and stays', () => {
    const first = load();
    expect(first).toMatchObject({ generation: 1, joinedAt: clock.now() });
    expect(load()).toEqual(first);
  });

  test('is that of a given key; said again it changes nothing, another one does', () => {
    expect(load(keyOf(1)).key).toEqual(keyOf(1));
    const joined = { ...load(keyOf(1)), key: keyOf(5), generation: 4 };
    finish({ ...joined, setAside: 'left-0' });
    expect(load(keyOf(1)).key).toEqual(keyOf(5));
    expect(load(keyOf(2)).key).toEqual(keyOf(2));
  });
});

describe('leaving is finished at the next start', () => {
  const left: ClusterRecord = { key: newClusterKey(), generation: 1, joinedAt: 0, setAside: 'left-7' };

  test('what belongs to the old cluster is moved aside, not deleted; the rest stays', () => {
    for (const name of ['events.sqlite', 'events.sqlite-wal', 'peers.json', 'identity.pem']) {
      writeFileSync(at(name), name);
    }
    const record = finish(left);
    expect(record.setAside).toBeUndefined();
    expect(file().read()).toEqual(record);
    expect(readFileSync(at('left-7/events.sqlite-wal'), 'utf8')).toBe('events.sqlite-wal');
    expect(existsSync(at('events.sqlite'))).toBe(false);
    expect(existsSync(at('identity.pem'))).toBe(true);
  });

  test('a crash half-way → the rest is moved, what was moved stays', () => {
    writeFileSync(at('peers.json'), 'peers');
    writeFileSync(at('events.sqlite'), 'old');
    finish(left);
    finish(left);
    expect(readFileSync(at('left-7/events.sqlite'), 'utf8')).toBe('old');
  });

  test('nobody left → nothing is touched', () => {
    writeFileSync(at('events.sqlite'), 'mine');
    const { setAside: _, ...record } = left;
    expect(finish(record)).toBe(record);
    expect(readFileSync(at('events.sqlite'), 'utf8')).toBe('mine');
  });
});
