import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { apply } from '../../main/core/apply/index.ts';
import { MemoryDisk } from '../../main/core/election/memory-disk.ts';
import { createLog } from '../../main/node/log.ts';
import { ReplicaStore } from '../../main/node/store/replica-store.ts';
import { someNode } from '../support/builders.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { replicaStoreSuite, type DiskUnderTest } from './replica-store.suite.ts';

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});
function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'skein-disk-'));
  folders.push(folder);
  return folder;
}

const log = createLog({ level: 'silent', now: () => 0, write: () => undefined });

/** A restart reads a copy of the files as a power cut leaves them: nothing was closed. */
async function openStore(folder = newFolder()): Promise<DiskUnderTest> {
  const path = join(folder, 'events.sqlite');
  // Beyond what is written here, so that the base moves by installs only, as in the plain lists.
  const init = { path, self: someNode, snapshotEvery: 1_000 };
  const { store } = ReplicaStore.open({ clock: new FakeClock(), log }, init);
  return {
    get state() {
      return store.state;
    },
    persisted: () => store.persisted,
    write: async (persist) => (await store.write(persist)).tail,
    read: (from, through) => store.read(from, through),
    fill: (send) => store.fill(send),
    async reopen() {
      const copy = newFolder();
      cpSync(folder, copy, { recursive: true });
      await store.close();
      return openStore(copy);
    },
    close: () => store.close(),
  };
}

function openMemory(disk = new MemoryDisk(apply)): DiskUnderTest {
  return {
    get state() {
      return disk.state;
    },
    persisted: () => disk.persisted(),
    write: async (persist) => disk.write(persist),
    read: (from, through) => disk.read(from, through),
    fill: (send) => disk.fill(send),
    reopen: async () => openMemory(disk),
    close: async () => undefined,
  };
}

replicaStoreSuite('MemoryDisk', async () => openMemory());
replicaStoreSuite('ReplicaStore', () => openStore());
