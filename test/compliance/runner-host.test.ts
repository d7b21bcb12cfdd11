import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { systemClock } from '../../main/node/clock.ts';
import { ChildProcessHost } from '../../main/node/runner/child-process-host.ts';
import { fakeRunnerEntry, scripted } from '../support/fake-runner-script.ts';
import { runnerHostSuite } from './runner-host.suite.ts';

const pidFolder = mkdtempSync(join(tmpdir(), 'skein-pids-'));
afterAll(() => rmSync(pidFolder, { recursive: true, force: true }));

runnerHostSuite('ChildProcessHost', {
  create: (script) =>
    new ChildProcessHost(
      { clock: systemClock },
      { entry: fakeRunnerEntry, pidFolder, environment: scripted(script) },
    ),
  createBroken: () =>
    new ChildProcessHost(
      { clock: systemClock },
      { entry: fakeRunnerEntry, pidFolder, executable: join(pidFolder, 'no-such-node') },
    ),
});
