import {
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { apply } from '../../../main/core/apply/index.ts';
import { emptyState } from '../../../main/core/state.ts';
import { openDatabase, type Database } from '../../../main/node/store/sqlite.ts';
import { FILE, history, openLog, temporaryFolder, write } from './support.ts';

const entries = history(600);
const states = [emptyState];
for (const entry of entries) states.push(apply(states.at(-1)!, entry));

/** Folder with all entries: `closed` as after a quit, else as a power cut leaves it, with a long write-ahead log. */
async function written(
  how: 'closed' | 'cut',
  init: { readonly snapshotEvery?: number } = {},
): Promise<string> {
  const folder = temporaryFolder();
  const { log } = openLog(folder, init);
  for (let start = 0; start < entries.length; start += 20) await log.append(entries.slice(start, start + 20));
  const left = temporaryFolder();
  if (how === 'cut') cpSync(folder, left, { recursive: true });
  await log.close();
  if (how === 'closed') cpSync(folder, left, { recursive: true });
  return left;
}

function sql(folder: string, change: (database: Database) => void): void {
  const database = openDatabase(join(folder, FILE), 0);
  change(database);
  database.close();
}

/** Opens a damaged log and checks what always holds; returns how far it got, what it said and what lies there. */
async function reopen(
  folder: string,
): Promise<{ last: number; notices: readonly string[]; aside: string[] }> {
  const { log, state, notices } = openLog(folder);
  expect(state).toEqual(states[state.lastIndex]);
  const read = log.read(0, 10_000);
  expect(read).toEqual(entries.slice(state.lastIndex - read.length, state.lastIndex));
  const aside = readdirSync(folder).filter((name) => name.includes('.corrupt-'));
  // Whatever was lost, the node goes on from there, and the next start has nothing to complain about.
  const next = entries.slice(state.lastIndex, state.lastIndex + 3);
  await log.append(next);
  await log.close();
  const again = openLog(folder);
  expect([again.state, again.notices]).toEqual([states[state.lastIndex + next.length], []]);
  await again.log.close();
  return { last: state.lastIndex, notices, aside };
}

describe('damage that can be told', () => {
  const middle = 'UPDATE entries SET body = replace(body, ?, ?) WHERE idx = ?';

  test('nothing wrong → nothing said, for a quit and for a power cut', async () => {
    expect(await reopen(await written('closed'))).toEqual({ last: 600, notices: [], aside: [] });
    expect(await reopen(await written('cut'))).toEqual({ last: 600, notices: [], aside: [] });
  });

  test('the last event fails its checksum → dropped in place, and said', async () => {
    const folder = await written('cut');
    sql(folder, (database) => void database.prepare('UPDATE entries SET checksum = 1 WHERE idx = 600').run());
    const { last, notices, aside } = await reopen(folder);
    expect([last, aside]).toEqual([599, []]);
    expect(notices).toEqual([
      expect.stringMatching(/ended in a bad event, which was dropped: event 600 fails/),
    ]);
  });

  test('an event in the middle fails its checksum → set aside, the good prefix goes on', async () => {
    const folder = await written('cut');
    sql(folder, (database) => void database.prepare(middle).run('starter', 'stormer', 351));
    const { last, notices, aside } = await reopen(folder);
    expect(last).toBe(350);
    expect(aside).toEqual(['events.sqlite.corrupt-20260101T000000Z']);
    expect(notices).toEqual([
      expect.stringMatching(
        /is damaged: event 351 fails its checksum\. It was set aside as .*\.corrupt-20260101T000000Z; everything up to event 350 was kept\.$/,
      ),
    ]);
  });

  test('an event before the newest snapshot fails its checksum → nothing but history is lost', async () => {
    const folder = await written('closed', { snapshotEvery: 200 });
    sql(folder, (database) => void database.prepare('UPDATE entries SET checksum = 1 WHERE idx = 100').run());
    const { last, aside } = await reopen(folder);
    expect([last, aside.length]).toEqual([600, 1]);
  });

  test('events missing in the middle → set aside, the good prefix goes on', async () => {
    const folder = await written('cut');
    sql(folder, (database) => void database.exec('DELETE FROM entries WHERE idx BETWEEN 300 AND 310'));
    const { last, notices } = await reopen(folder);
    expect(last).toBe(299);
    expect(notices[0]).toMatch(/events 300 to 310 are missing/);
  });

  test('an event that is none of ours, with a right checksum → set aside, the good prefix goes on', async () => {
    const { checksumOf } = await import('../../../main/node/store/rows.ts');
    const folder = await written('cut');
    sql(folder, (database) => {
      const body = '{"index":400,"at":1,"event":{"type":"Nonsense"}}';
      database
        .prepare('UPDATE entries SET body = ?, checksum = ? WHERE idx = 400')
        .run(body, checksumOf(400, body));
    });
    const { last, notices } = await reopen(folder);
    expect(last).toBe(399);
    expect(notices[0]).toMatch(/event 400 can't be understood/);
  });

  test('the newest snapshot is damaged → the one before and the events do', async () => {
    const folder = await written('closed', { snapshotEvery: 200 });
    sql(folder, (database) => void database.exec(`UPDATE snapshot_heads SET body = 'x' WHERE idx = 600`));
    const { last, notices, aside } = await reopen(folder);
    expect([last, aside]).toEqual([600, []]);
    expect(notices).toEqual([expect.stringMatching(/the snapshot at event 600 was damaged and was dropped/)]);
  });

  test.each<[string, Buffer]>([
    ['text', Buffer.from('this is no database '.repeat(1_000))],
    ['zeros', Buffer.alloc(50_000)],
    ['one byte', Buffer.from('S')],
  ])('a file of %s → set aside as it is, an empty log', async (_name, garbage) => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, FILE), garbage);
    const { last, notices, aside } = await reopen(folder);
    expect([last, aside.length]).toEqual([0, 1]);
    expect(readFileSync(join(folder, aside[0]!))).toEqual(garbage);
    expect(notices).toEqual([
      expect.stringMatching(/nothing of it could be read, so Skein starts with an empty log/),
    ]);
  });

  test('an empty file → an empty log, nothing to say', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, FILE), '');
    expect(await reopen(folder)).toEqual({ last: 0, notices: [], aside: [] });
  });

  test('an empty file beside a write-ahead log → both are set aside, SQLite would delete the latter', async () => {
    const folder = await written('cut');
    truncateSync(join(folder, FILE), 0);
    const { aside } = await reopen(folder);
    expect(aside).toEqual([
      'events.sqlite.corrupt-20260101T000000Z',
      'events.sqlite.corrupt-20260101T000000Z-wal',
    ]);
  });

  test('damaged twice within a second → both are kept', async () => {
    const folder = temporaryFolder();
    for (const garbage of ['one', 'two']) {
      writeFileSync(join(folder, FILE), garbage);
      await openLog(folder).log.close();
    }
    expect(readdirSync(folder).filter((name) => name.includes('.corrupt-'))).toHaveLength(2);
  });

  test('a salvage that was interrupted before or between its renames → finished or done anew', async () => {
    const good = temporaryFolder();
    await write(good, entries);
    const between = temporaryFolder();
    cpSync(join(good, FILE), join(between, `${FILE}.salvaged`));
    writeFileSync(join(between, `${FILE}-wal`), 'of the damaged file');
    expect((await reopen(between)).last).toBe(600);

    const before = temporaryFolder();
    cpSync(join(good, FILE), join(before, FILE));
    writeFileSync(join(before, `${FILE}.salvaged`), 'half of it');
    expect(await reopen(before)).toEqual({ last: 600, notices: [], aside: [] });
    expect(existsSync(join(before, `${FILE}.salvaged`))).toBe(false);
  });
});

describe('damage of any kind: the log opens, and all it yields was written', () => {
  test('the write-ahead log cut off anywhere → whole commits remain, and a lost one is said', async () => {
    const folder = await written('cut');
    const size = statSync(join(folder, `${FILE}-wal`)).size;
    const whole = await reopen(await copyOf(folder));
    expect(whole.last).toBe(600);
    let silent = 0;
    for (let step = 0; step < 60; step += 1) {
      const damaged = await copyOf(folder);
      truncateSync(join(damaged, `${FILE}-wal`), Math.floor((size * step) / 60) + (step % 3) * 7);
      const { last, notices, aside } = await reopen(damaged);
      expect([last % 20, aside.filter((name) => !name.includes('-wal'))]).toEqual([0, []]);
      if (last < 600 && notices.length === 0) silent += 1;
    }
    // A cut exactly between two frames looks like a log that ended there.
    expect(silent).toBeLessThan(20);
  });

  test('the file cut off anywhere', async () => {
    const folder = await written('closed', { snapshotEvery: 250 });
    const size = statSync(join(folder, FILE)).size;
    let said = 0;
    for (let step = 0; step < 60; step += 1) {
      const damaged = await copyOf(folder);
      truncateSync(join(damaged, FILE), Math.floor((size * step) / 60));
      const { last, notices } = await reopen(damaged);
      if (step > 0 && last < 600) expect(notices.length).toBeGreaterThan(0);
      said += notices.length;
    }
    expect(said).toBeGreaterThan(0);
  });

  test.each([
    ['closed', FILE, 1],
    ['closed', FILE, 40],
    ['cut', `${FILE}-wal`, 1],
    ['cut', `${FILE}-wal`, 40],
  ] as const)('%s, random bytes of %s changed, %i each', async (how, name, bytes) => {
    const folder = await written(how, how === 'closed' ? { snapshotEvery: 250 } : {});
    const original = readFileSync(join(folder, name));
    const random = generator(bytes * 7 + name.length);
    for (let round = 0; round < 60; round += 1) {
      const damaged = await copyOf(folder);
      const content = Buffer.from(original);
      for (let change = 0; change < bytes; change += 1) {
        const at = Math.floor(random() * content.length);
        content[at] = content[at]! ^ (1 + Math.floor(random() * 255));
      }
      writeFileSync(join(damaged, name), content);
      const { last, notices } = await reopen(damaged);
      if (last < 600) expect(notices.length).toBeGreaterThan(0);
    }
  });

  test('a page of zeros anywhere', async () => {
    const folder = await written('closed', { snapshotEvery: 250 });
    const original = readFileSync(join(folder, FILE));
    for (let page = 0; page < original.length / 4096; page += 1) {
      const damaged = await copyOf(folder);
      writeFileSync(join(damaged, FILE), Buffer.from(original).fill(0, page * 4096, (page + 1) * 4096));
      const { last, notices } = await reopen(damaged);
      if (last < 600) expect(notices.length).toBeGreaterThan(0);
    }
  });
});

async function copyOf(folder: string): Promise<string> {
  const copy = temporaryFolder();
  cpSync(folder, copy, { recursive: true });
  return copy;
}

/** A small seeded generator (mulberry32), so that a failure can be run again. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
