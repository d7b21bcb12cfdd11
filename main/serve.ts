import { homedir } from 'node:os';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CommandId, MetaInstanceId } from './core/id.ts';
import { MetaInstanceSpec } from './core/meta-instance.ts';
import type { NodeApi } from './node/api.ts';
import { systemClock } from './node/clock.ts';
import { parseConfig, type Config } from './node/config.ts';
import { defaultDataFolder, settingsPathIn } from './node/data-folder.ts';
import { createLog, type Log } from './node/log.ts';
import { Announcer } from './node/announcer.ts';
import { readStoredSettings } from './node/settings.ts';
import { createSkeinNode, type SkeinNode } from './node/skein-node.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const STARTER_MODEL = 'SmolLM2-135M-Instruct';

/** How long a quit may take before the process ends anyway; the stop ladder of the runners is shorter. */
const QUIT_MS = 20_000;

/**
 * `skein serve`: one headless node until a signal ends it.
 * @returns the exit code: 0 after a clean stop, 1 when it could not start or go on, 2 for wrong arguments
 */
export async function serve(args: readonly string[]): Promise<number> {
  const config = configFor(args);
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
  const asked = Promise.withResolvers<'Stop'>();
  const silence = onSignal(() => asked.resolve('Stop'));
  // The API stays where it was found first, also when any port was fine.
  let { port } = config.value;
  try {
    for (;;) {
      const life = await live(log, { ...config.value, port }, asked.promise);
      port = life.port;
      if (life.end !== 'Left') return life.end === 'Stop' ? 0 : 1;
    }
  } finally {
    silence();
  }
}

/** Flags and variables say where the data folder is; what is stored there gives way to both. */
function configFor(args: readonly string[]): ReturnType<typeof parseConfig> {
  const given = {
    args,
    env: process.env,
    workingFolder: process.cwd(),
    defaultDataFolder: defaultDataFolder({ platform: process.platform, home: homedir(), env: process.env }),
  };
  const first = parseConfig(given);
  if (!first.ok) return first;
  const { stored, warning } = readStoredSettings(settingsPathIn(first.value.dataDir));
  if (warning !== undefined) process.stderr.write(`${warning}\n`);
  return parseConfig({ ...given, stored });
}

/** One life of the node: until it is asked to stop, can't go on, or left its cluster and has to start over. */
async function live(
  log: Log,
  config: Config,
  asked: Promise<'Stop'>,
): Promise<{ readonly end: 'Stop' | 'Broken' | 'Left'; readonly port: number }> {
  const ended = Promise.withResolvers<'Broken' | 'Left'>();
  let node: SkeinNode | undefined;
  let { port } = config;
  try {
    node = createSkeinNode(
      { log },
      {
        config: { ...config, modelDirs: [...config.modelDirs, join(root, '.cache', 'models')] },
        version: packageVersion(),
        runnerEntry: join(root, 'main', 'runner', 'main.ts'),
        cardFolder: join(root, 'resources', 'models'),
        scenarioFolder: join(root, 'resources', 'scenarios'),
        dashboardFolder: join(root, '.cache', 'dashboard'),
        onBroken: (problem) => {
          log.error('The node stops: its state can no longer be written', { problem });
          ended.resolve('Broken');
        },
        onLeft: () => ended.resolve('Left'),
      },
    );
    await node.start();
    port = Number(new URL(node.address ?? '').port);
    const announcer = new Announcer({ api: node.api, clock: systemClock, output: process.stdout });
    announcer.start({ address: node.address ?? '', dataDir: config.dataDir });
    if (config.starter && node.isNew) await createStarter(node.api);
    const end = await Promise.race([asked, ended.promise]);
    announcer.stop();
    // Unref'd: it also ends a process that something forgotten keeps alive after the stop.
    const forced = setTimeout(() => process.exit(1), QUIT_MS).unref();
    await node.stop();
    if (end === 'Left') clearTimeout(forced);
    return { end, port };
  } catch (error) {
    process.stderr.write(
      `Skein could not start: ${error instanceof Error ? error.message : String(error)}\n`,
    );
    // It may have come up: what is left of it would keep the process alive.
    await node?.stop().catch(() => undefined);
    return { end: 'Broken', port };
  }
}

/** Its command id is fixed: whatever happens, it is created once in the life of a data folder. */
async function createStarter(api: NodeApi): Promise<void> {
  const card = api.models().find(({ modelId }) => modelId === STARTER_MODEL);
  if (card === undefined) return;
  await api.submit({
    type: 'CreateMetaInstance',
    commandId: CommandId.parse('starter'),
    metaInstanceId: MetaInstanceId.parse('starter'),
    spec: MetaInstanceSpec.parse({ modelId: card.modelId }),
    card,
  });
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
