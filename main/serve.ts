import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Announcer } from './node/announcer.ts';
import { systemClock } from './node/clock.ts';
import { createLog } from './node/log.ts';
import { NodeLife, STOP_MS } from './node/node-life.ts';
import { readConfig } from './node/read-config.ts';
import { ChildProcessHost } from './node/runner/child-process-host.ts';
import { createSkeinNode } from './node/skein-node.ts';
import { createStarter } from './node/starter.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

/**
 * `skein serve`: one headless node until a signal ends it.
 * @returns the exit code: 0 after a clean stop, 1 when it could not start or go on, 2 for wrong arguments
 */
export async function serve(args: readonly string[]): Promise<number> {
  const config = readConfig(args, (warning) => process.stderr.write(`${warning}\n`));
  if (!config.ok) {
    process.stderr.write(`skein serve: ${config.error}\n\`skein serve --help\` lists the options.\n`);
    return 2;
  }
  const log = createLog({
    level: config.value.logLevel,
    now: () => systemClock.now(),
    write: (line) => process.stderr.write(line),
  });
  // A closed terminal or a broken pipe takes its reader away, not the node.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  const version = packageVersion();
  let announcer: Announcer | undefined;
  const life = new NodeLife(
    {
      clock: systemClock,
      log,
      build: (current, on) =>
        createSkeinNode(
          { log },
          {
            config: { ...current, modelDirs: [...current.modelDirs, join(root, '.cache', 'models')] },
            version,
            runnerHost: (pidFolder) =>
              new ChildProcessHost(
                { clock: systemClock },
                { entry: join(root, 'main', 'runner', 'main.ts'), pidFolder },
              ),
            cardFolder: join(root, 'resources', 'models'),
            scenarioFolder: join(root, 'resources', 'scenarios'),
            dashboardFolder: join(root, '.cache', 'dashboard'),
            ...on,
          },
        ),
    },
    {
      config: config.value,
      async onUp(node) {
        announcer = new Announcer({ api: node.api, clock: systemClock, output: process.stdout });
        announcer.start({ address: node.address ?? '', dataDir: config.value.dataDir });
        if (config.value.starter && node.isNew) await createStarter(node.api);
      },
      onDown: () => announcer?.stop(),
    },
  );
  const asked = Promise.withResolvers<'Asked'>();
  const silence = onSignal(() => asked.resolve('Asked'));
  try {
    await life.start();
    const end = await Promise.race([asked.promise, life.ended]);
    if (end !== 'Asked' && end.type === 'Broken') {
      log.error('The node stops: its state can no longer be written', { problem: end.problem });
    }
    // Unref'd: it also ends a process that something forgotten keeps alive after the stop.
    setTimeout(() => process.exit(1), STOP_MS).unref();
    await life.stop();
    return end === 'Asked' ? 0 : 1;
  } catch (error) {
    process.stderr.write(
      `Skein could not start: ${error instanceof Error ? error.message : String(error)}\n`,
    );
    await life.stop().catch(() => undefined);
    return 1;
  } finally {
    silence();
  }
}

/** A second signal ends the process at once; one this soon is the first again, passed on by npm or a service manager. */
const SAME_SIGNAL_MS = 1_000;

function onSignal(stop: () => void): () => void {
  let askedAt: number | undefined;
  const handle = (): void => {
    const now = systemClock.monotonic();
    if (askedAt !== undefined && now - askedAt < SAME_SIGNAL_MS) return;
    if (askedAt !== undefined) process.exit(1);
    askedAt = now;
    process.stderr.write('\nStopping: runners are shut down. Once more to stop at once.\n');
    stop();
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, handle);
  return () => {
    for (const signal of signals) process.off(signal, handle);
  };
}

function packageVersion(): string {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  return version;
}
