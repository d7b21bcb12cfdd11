import { chmodSync, existsSync, mkdirSync, symlinkSync, utimesSync } from 'node:fs';
import path from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { addonStep, dropUnfinishedObjects } from '../../scripts/setup/addon.mjs';
import { runTool } from '../../scripts/setup/child.mjs';
import { checkout, placesIn } from '../../scripts/setup/paths.mjs';
import { readPins } from '../../scripts/setup/pins.mjs';
import { readIfThere, startNode, temporaryFolder, until, writeFiles } from './support/checkout.ts';

const silent = () => {};

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe('a tool that set-up runs', () => {
  test('its exit code, its output and each of its lines come back', async () => {
    const lines: string[] = [];
    const result = await runTool('sh', ['-c', 'echo one; echo two >&2; exit 3'], {
      cwd: temporaryFolder(),
      timeoutMs: 10_000,
      onLine: (line) => lines.push(line),
    });
    expect({ code: result.code, lines: lines.sort() }).toEqual({ code: 3, lines: ['one', 'two'] });
  });

  test('given a tool that does not exist, that is what its output says', async () => {
    const { code, output } = await runTool('skein-no-such-tool', [], {
      cwd: temporaryFolder(),
      timeoutMs: 10_000,
    });
    expect({ code, output }).toEqual({
      code: 127,
      output: 'skein-no-such-tool could not be started: spawn skein-no-such-tool ENOENT\n',
    });
  });

  test('given a tool that outlives its time, it ends with all it started', async () => {
    const folder = temporaryFolder();
    const script = 'sleep 60 & echo $! > child; echo $$ > own; wait';
    const running = runTool('sh', ['-c', script], { cwd: folder, timeoutMs: 500 });
    await expect(running).rejects.toThrow('sh did not finish within 0 minutes');
    const pids = ['own', 'child'].map((name) => Number(readIfThere(path.join(folder, name))));
    await until(() => pids.every((pid) => pid > 0 && !isAlive(pid)), 'the tool and its child are gone');
  });

  test('given a set-up that is killed, its tool ends with all it started', async () => {
    const folder = temporaryFolder();
    const script = `
      import { runTool } from ${JSON.stringify(path.join(checkout, 'scripts/setup/child.mjs'))};
      await runTool('sh', ['-c', 'sleep 60 & echo $! > child; echo $$ > own; wait'], { cwd: '.', timeoutMs: 60000 });
    `;
    const setUp = startNode(['--input-type=module', '-e', script], { cwd: folder });
    const read = (name: string) => Number(readIfThere(path.join(folder, name)));
    await until(() => read('own') > 0 && read('child') > 0, 'the tool is at work');
    const pids = [read('own'), read('child')];
    expect(pids.map(isAlive)).toEqual([true, true]);
    setUp.child.kill('SIGKILL');
    await until(() => !pids.some(isAlive), 'the tool and its child are gone');
  });
});

describe('the build of the addon', () => {
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  /** A checkout whose `cmake` is the given shell script. */
  function placesWithCmake(script: string) {
    const places = placesIn(temporaryFolder());
    const tools = path.join(places.root, 'tools');
    writeFiles(places.root, { 'tools/cmake': `#!/bin/sh\n${script}\n` });
    chmodSync(path.join(tools, 'cmake'), 0o755);
    mkdirSync(path.dirname(places.node24), { recursive: true });
    symlinkSync(process.execPath, places.node24);
    vi.stubEnv('PATH', `${tools}${path.delimiter}${process.env['PATH']}`);
    return places;
  }

  test('given a binary that fails its self-test, it is thrown away and the reason is told', async () => {
    const places = placesWithCmake('mkdir -p native/build && echo no addon > native/build/skein_engine.node');
    const step = addonStep(places, readPins());
    await expect(step.run(silent)).rejects.toMatchObject({
      message: 'the addon was built but fails its self-test',
      detail: expect.stringMatching(/skein_engine\.node/),
    });
    expect(existsSync(places.addon)).toBe(false);
  });

  test('given sources that do not compile, the words of the compiler are told', async () => {
    const places = placesWithCmake(
      '[ "$1" = --build ] || exit 0; echo "llama.cpp:1: error: expected ;"; exit 2',
    );
    await expect(addonStep(places, readPins()).run(silent)).rejects.toMatchObject({
      message: 'skein_engine does not compile',
      detail: 'llama.cpp:1: error: expected ;',
    });
  });

  test('given a build folder of another checkout, it is begun anew', async () => {
    const places = placesWithCmake('exit 0');
    writeFiles(places.root, {
      'native/build/CMakeCache.txt': 'CMAKE_HOME_DIRECTORY:INTERNAL=/elsewhere/native\n',
      'native/build/old.o': '',
    });
    await expect(addonStep(places, readPins()).run(silent)).rejects.toThrow('the build left no');
    expect(existsSync(path.join(places.build, 'old.o'))).toBe(false);
  });

  test('given a build that was killed, the objects it wrote last are built again, the others kept', () => {
    const places = placesIn(temporaryFolder());
    writeFiles(places.build, { 'a/early.o': '', 'b/last.o': '', '.skein-unfinished': '' });
    const minuteAgo = new Date(Date.now() - 60_000);
    utimesSync(path.join(places.build, 'a/early.o'), minuteAgo, minuteAgo);
    dropUnfinishedObjects(places);
    expect(['a/early.o', 'b/last.o'].map((name) => existsSync(path.join(places.build, name)))).toEqual([
      true,
      false,
    ]);
  });

  test('given a build that ended, nothing is built again', () => {
    const places = placesIn(temporaryFolder());
    writeFiles(places.build, { 'b/last.o': '' });
    dropUnfinishedObjects(places);
    expect(existsSync(path.join(places.build, 'b/last.o'))).toBe(true);
  });
});
