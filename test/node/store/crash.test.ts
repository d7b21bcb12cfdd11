import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, cpSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { FILE, history, openLog, temporaryFolder, write } from './support.ts';

/** Runs the appending process on the folder for a while, then SIGKILL; returns the last index it confirmed. */
async function appendAndKill(
  folder: string,
  afterMs: number,
  uid?: number,
): Promise<{ confirmed: number; said: string }> {
  const program = join(import.meta.dirname, 'append-forever.ts');
  const args = [program, join(folder, FILE), ...(uid === undefined ? [] : [String(uid)])];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const closed = once(child, 'close');
  const firstWord = once(child.stdout, 'data');
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  await Promise.race([firstWord, closed]);
  await new Promise((resolve) => setTimeout(resolve, afterMs));
  child.kill('SIGKILL');
  await closed;
  const whole = output.slice(0, output.lastIndexOf('\n')).split('\n');
  return { confirmed: Number(whole.at(-1)), said };
}

describe('kill -9 of a process that appends without end', () => {
  test('everything it confirmed is there, again and again on the same log', { timeout: 60_000 }, async () => {
    const folder = temporaryFolder();
    let before = 0;
    for (const afterMs of [0, 37, 90, 151, 10, 223]) {
      const { confirmed, said } = await appendAndKill(folder, afterMs);
      // A commit that the kill cut short is dropped, which the next open says.
      expect(said.split('\n').filter((line) => line !== '' && !/cut off/.test(line))).toEqual([]);
      expect(confirmed).toBeGreaterThan(before);
      const left = temporaryFolder();
      cpSync(folder, left, { recursive: true });
      const { log, state, notices } = openLog(left, { snapshotEvery: 50, retain: 100 });
      expect(state.lastIndex).toBeGreaterThanOrEqual(confirmed);
      const kept = log.read(0, 10_000);
      expect(kept.length).toBeGreaterThanOrEqual(Math.min(100, confirmed));
      for (const { index, event } of kept) {
        expect(event).toMatchObject(
          index % 2 === 1 ? { name: `node ${index}` } : { download: { bytes: index } },
        );
      }
      expect(notices.filter((notice) => !/cut off/.test(notice))).toEqual([]);
      await log.close();
      before = confirmed;
    }
  });

  test('while it lives, a second process is refused; once it is dead, the lock is gone', async () => {
    const folder = temporaryFolder();
    const { log } = openLog(folder);
    const { confirmed, said } = await appendAndKill(folder, 0);
    expect([confirmed, said]).toEqual([
      0,
      expect.stringMatching(/Another process has the event log .* open/),
    ]);
    await log.close();
    expect((await appendAndKill(folder, 0)).confirmed).toBeGreaterThan(0);
    await openLog(folder).log.close();
  });
});

describe('a user who may not write', () => {
  // Root may write anywhere, so another user tries.
  const uid = process.getuid?.() === 0 ? 65_534 : undefined;

  test.each([
    ['a new log', false],
    ['a log that is there', true],
  ])('%s → said, and nothing changed', async (_name, exists) => {
    const folder = temporaryFolder();
    if (exists) await write(folder, history(5));
    chmodSync(folder, 0o555);
    if (exists) chmodSync(join(folder, FILE), 0o444);
    const { said } = await appendAndKill(folder, 0, uid);
    expect(said).toMatch(/StoreNotWritableError\]?: Skein may not write the event log/);
    chmodSync(folder, 0o755);
    expect(readdirSync(folder)).toEqual(exists ? [FILE] : []);
  });
});
