import { existsSync, mkdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { takeLock } from '../../scripts/setup/lock.mjs';
import { checkout } from '../../scripts/setup/paths.mjs';
import { runNode, temporaryFolder } from './support/checkout.ts';

const lockModule = path.join(checkout, 'scripts', 'setup', 'lock.mjs');

/** Takes the lock, notes begin and end in `journal`, with work in between. */
const CONTENDER = `
import { appendFileSync } from 'node:fs';
import { takeLock } from ${JSON.stringify(lockModule)};
const [folder, journal] = process.argv.slice(-2);
for (let round = 0; round < 3; round += 1) {
  const release = await takeLock(folder, { pollMs: 5 });
  appendFileSync(journal, 'begin ' + process.pid + '\\n');
  await new Promise((resolve) => setTimeout(resolve, 15));
  appendFileSync(journal, 'end ' + process.pid + '\\n');
  release();
}
`;

async function deadPid(): Promise<string> {
  const { stdout } = await runNode(['-p', 'process.pid'], { cwd: checkout });
  return stdout.trim();
}

function lockOf(owner: string): string {
  const folder = path.join(temporaryFolder(), 'lock');
  mkdirSync(folder);
  writeFileSync(path.join(folder, 'owner'), owner);
  return folder;
}

describe('the lock of a checkout', () => {
  test('given four set-ups that want it three times each, they never hold it together', async () => {
    const folder = temporaryFolder();
    const journal = path.join(folder, 'journal');
    const args = ['--input-type=module', '-e', CONTENDER, path.join(folder, 'lock'), journal];
    const ends = await Promise.all(Array.from({ length: 4 }, () => runNode(args, { cwd: folder })));
    expect(ends.map((end) => end.stderr + String(end.code))).toEqual(['0', '0', '0', '0']);

    const lines = readFileSync(journal, 'utf8').trim().split('\n');
    const pairs = lines
      .filter((_, index) => index % 2 === 0)
      .map((line, index) => [line, lines[2 * index + 1]]);
    expect(pairs).toHaveLength(12);
    for (const [begin, end] of pairs) expect(end).toBe(begin?.replace('begin', 'end'));
    expect(existsSync(path.join(folder, 'lock'))).toBe(false);
  });

  test('given an owner that died, the lock is taken over at once', async () => {
    const folder = lockOf(await deadPid());
    const release = await takeLock(folder, { waitMs: 0 });
    expect(readFileSync(path.join(folder, 'owner'), 'utf8')).toBe(String(process.pid));
    release();
    release();
    expect(existsSync(folder)).toBe(false);
  });

  test('given a living pid that has not touched it for long, it is somebody else by now: taken over', async () => {
    const folder = lockOf(String(process.ppid));
    const longAgo = new Date(Date.now() - 10 * 60_000);
    utimesSync(folder, longAgo, longAgo);
    (await takeLock(folder, { waitMs: 0 }))();
    expect(existsSync(folder)).toBe(false);
  });

  test('given a living owner, it waits, says for whom, and gives up after its time', async () => {
    const folder = lockOf(String(process.ppid));
    const waits: string[] = [];
    const taking = takeLock(folder, { waitMs: 60, pollMs: 10, onWait: (owner) => waits.push(owner) });
    await expect(taking).rejects.toThrow(`another set-up (process ${process.ppid}) has held this checkout`);
    expect(waits).toEqual([String(process.ppid)]);
  });
});
