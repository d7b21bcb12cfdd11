import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../main/node/clock.ts';
import { reapOrphans } from '../../../main/node/runner/orphans.ts';
import type { FakeRunnerScript } from '../../support/fake-runner-script.ts';
import { silentLog } from '../../support/runner-builders.ts';
import { isRunning } from '../../support/runner-processes.ts';

const parentEntry = fileURLToPath(new URL('../../support/runner-parent.ts', import.meta.url));

let folder: string;
let pidFolder: string;
let parent: ChildProcess | undefined;
let pids: number[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'skein-orphans-'));
  pidFolder = join(folder, 'runners');
  writeFileSync(join(folder, 'tiny.gguf'), 'GGUF');
});
afterEach(() => {
  parent?.kill('SIGKILL');
  for (const pid of pids.splice(0)) if (isRunning(pid)) process.kill(pid, 'SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

/** A node with runners of these scripts; resolves when all are up. */
async function nodeWith(...scripts: readonly FakeRunnerScript[]): Promise<void> {
  const started = spawn(
    process.execPath,
    [parentEntry, pidFolder, join(folder, 'tiny.gguf'), ...scripts.map((script) => JSON.stringify(script))],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  parent = started;
  pids = await new Promise((resolve) => {
    started.stdout.once('data', (line: Buffer) => resolve(JSON.parse(line.toString()) as number[]));
  });
}

async function killNode(): Promise<void> {
  const gone = new Promise((resolve) => parent?.once('exit', resolve));
  parent?.kill('SIGKILL');
  await gone;
}

const running = (): boolean[] => pids.map(isRunning);
const reap = (): Promise<number> => reapOrphans({ clock: systemClock, log: silentLog }, pidFolder);

describe('runners of a node that was killed', () => {
  it('end by themselves within 2 s, even with an engine that is stuck', async () => {
    await nodeWith({}, { engine: { mishap: { when: 'load', how: 'hang' } } });
    expect(running()).toEqual([true, true]);
    await killNode();
    await expect.poll(running, { interval: 20, timeout: 2_000 }).toEqual([false, false]);
    expect(await reap()).toBe(0);
    expect(readdirSync(pidFolder)).toEqual([]);
  });

  it('that can not notice, because they are stopped, mute or blocked, are reaped by the next node', async () => {
    const block: FakeRunnerScript = { engine: { mishap: { when: 'load', how: 'block' } } };
    await nodeWith({}, { atStart: 'mute', deafToTerm: true }, block);
    process.kill(pids[0]!, 'SIGSTOP');
    await new Promise((resolve) => setTimeout(resolve, 50));
    await killNode();
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(running()).toEqual([true, true, true]);
    expect(await reap()).toBe(3);
    expect(running()).toEqual([false, false, false]);
    expect(readdirSync(pidFolder)).toEqual([]);
    expect(await reap()).toBe(0);
  });
});

describe('what is no orphan', () => {
  it('a runner whose node lives is left alone', async () => {
    await nodeWith({});
    expect(await reap()).toBe(0);
    expect(running()).toEqual([true]);
    expect(readdirSync(pidFolder)).toHaveLength(1);
  });

  it('a process that got the pid of an old runner is left alone, and the file goes', async () => {
    const stranger = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60_000)'], { stdio: 'ignore' });
    pids = [stranger.pid!];
    mkdirSync(pidFolder);
    const record = {
      pid: stranger.pid,
      parentPid: 2,
      marks: ['/somewhere/runner/main.ts', 'x'],
      runnerId: 'x',
    };
    writeFileSync(join(pidFolder, `${stranger.pid}.json`), JSON.stringify(record));
    expect(await reap()).toBe(0);
    expect(running()).toEqual([true]);
    expect(readdirSync(pidFolder)).toEqual([]);
  });

  it('a folder that is not there, and a torn file, are no trouble', async () => {
    expect(await reap()).toBe(0);
    mkdirSync(pidFolder);
    writeFileSync(join(pidFolder, '77.json'), '{"pid": 7');
    writeFileSync(join(pidFolder, 'notes.txt'), 'mine');
    expect(await reap()).toBe(0);
    expect(existsSync(join(pidFolder, '77.json'))).toBe(false);
    expect(existsSync(join(pidFolder, 'notes.txt'))).toBe(true);
  });
});
