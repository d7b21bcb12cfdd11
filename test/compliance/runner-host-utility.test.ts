import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../main/node/clock.ts';
import { createLog } from '../../main/node/log.ts';
import { reapOrphans } from '../../main/node/runner/orphans.ts';
import { bundleForElectron, inElectron, whyNoElectron } from '../support/electron.ts';
import { fakeRunnerEntry, scripted } from '../support/fake-runner-script.ts';
import { RemoteUtilityHosts } from '../support/remote-runner-host.ts';
import { runnerId } from '../support/runner-builders.ts';
import { isRunning } from '../support/runner-processes.ts';
import { runnerHostSuite } from './runner-host.suite.ts';

describe.skipIf(whyNoElectron !== undefined)(inElectron('runners of the app'), () => {
  let hosts: RemoteUtilityHosts;
  let entry: string;

  beforeAll(async () => {
    entry = await bundleForElectron(fakeRunnerEntry, 'fake-runner');
    hosts = new RemoteUtilityHosts();
    await hosts.start({ SKEIN_TEST_SECRET: 'hush' });
  });
  afterAll(() => hosts.close());

  const pidFolder = (): string => join(hosts.folder, 'pids');

  runnerHostSuite('UtilityProcessHost', {
    create: (script) => hosts.create({ entry, pidFolder: pidFolder(), environment: scripted(script) }),
    createBroken: () =>
      hosts.create({
        entry: join(hosts.folder, 'no-such-runner.cjs'),
        pidFolder: pidFolder(),
        environment: {},
      }),
  });

  describe('an app that is killed', () => {
    it('takes its runners along, and the next one ends those that could not hear it', async () => {
      const host = hosts.create({ entry, pidFolder: pidFolder(), environment: scripted({}) });
      const up = async (): Promise<number> => {
        const seen: string[] = [];
        const runner = host.spawn(runnerId, {
          onReport: ({ type }) => seen.push(type),
          onBrokenReport: () => undefined,
          onExit: () => undefined,
        });
        await expect.poll(() => seen, { timeout: 10_000 }).toContain('Hello');
        return runner.pid ?? 0;
      };
      const pids = [await up(), await up()] as const;
      process.kill(pids[1], 'SIGSTOP');
      await hosts.crash();
      await expect.poll(() => isRunning(pids[0]), { timeout: 10_000 }).toBe(false);
      expect(isRunning(pids[1])).toBe(true);
      const log = createLog({ level: 'error', now: () => 0, write: () => undefined });
      expect(await reapOrphans({ clock: systemClock, log }, pidFolder())).toBe(1);
      expect(isRunning(pids[1])).toBe(false);
    });
  });
});
