import { isIP } from 'node:net';
import { delimiter, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { refused, ok, type Result } from '../core/result.ts';
import { MiB } from '../core/unit.ts';
import { logLevels } from './log.ts';
import { peerMultiaddr } from './membership/address.ts';
import { clusterKeyOf, readKeyFile } from './membership/cluster-key.ts';

const wholeNumber = (least: number, most: number): z.ZodType<number> =>
  z
    .string()
    .transform((text) => (/^\d+$/.test(text) ? Number(text) : NaN))
    .refine((value) => value >= least && value <= most, `must be a whole number from ${least} to ${most}`);

const yes = z.enum(['1', 'true', 'yes'], 'must be 1, true or yes, or not be set').transform(() => true);

/** Bounds of the work one runner takes. As `EngineLimits` of `native/addon.d.ts`. */
export interface Limits {
  readonly maxTasks: number;
  readonly maxQueued: number;
  readonly prefillChunk: number;
  /** Undefined = the node decides by model and memory. */
  readonly kvBytes: number | undefined;
}

/** What `skein serve` was asked for. */
export interface Config {
  /** Of the REST server; 0 = any free one. */
  readonly port: number;
  /** Absolute. */
  readonly dataDir: string;
  readonly logLevel: (typeof logLevels)[number];
  /** Absolute; folders with model files that are only read. */
  readonly modelDirs: readonly string[];
  /** Create the starter MetaInstance in an empty data folder. */
  readonly starter: boolean;
  /** Undefined = the computer's own. */
  readonly name: string | undefined;
  readonly limits: Limits;
  /** Where other nodes dial this one; 0 = any free port. */
  readonly peerPort: number;
  /** The only IP address that other nodes may dial; undefined = all interfaces, IPv4 and IPv6. */
  readonly peerHost: string | undefined;
  /** Multiaddrs to dial besides those discovered and remembered. */
  readonly peers: readonly string[];
  /** 32 bytes, secret; undefined = the one in the data folder. */
  readonly clusterKey: Uint8Array | undefined;
  /** Whether members are looked for in the local network (mDNS). */
  readonly discovery: boolean;
  /** Keys lie plain in the data folder also where the app could seal them: `skein serve` is to use it too. */
  readonly plainSecrets: boolean;
  /** By flag: who said so; absent = nobody, it is the default. */
  readonly origins: Readonly<Record<string, Origin>>;
}

/** Whose word a setting follows; the first of them wins. */
export type Origin = 'Flag' | 'Environment' | 'Settings';

/** Where other nodes dial a node unless it was told otherwise. */
export const DEFAULT_PEER_PORT = 52_416;

interface Option {
  readonly flag: string;
  readonly schema: z.ZodType<unknown>;
  readonly help: string;
}

/** Each option is a flag `--flag` and a variable `SKEIN_FLAG`, dashes as underscores; the flag wins. */
const options = {
  port: { flag: 'port', schema: wholeNumber(0, 65_535), help: 'port of the REST API (52415; 0 = any)' },
  dataDir: {
    flag: 'data-dir',
    schema: z.string().min(1, 'must name a folder'),
    help: 'folder for all that Skein writes',
  },
  logLevel: { flag: 'log-level', schema: z.enum(logLevels), help: `${logLevels.join(', ')} (info)` },
  name: { flag: 'name', schema: z.string().trim().min(1).max(255), help: "this node's name for people" },
  maxTasks: {
    flag: 'max-tasks',
    schema: wholeNumber(1, 64),
    help: 'chats of one runner at the same time (4)',
  },
  maxQueued: { flag: 'max-queued', schema: wholeNumber(0, 10_000), help: 'chats that may wait (32)' },
  prefillChunk: {
    flag: 'prefill-chunk',
    schema: wholeNumber(1, 4096),
    help: 'prompt tokens of one step (256)',
  },
  kvBytes: {
    flag: 'kv-bytes',
    schema: wholeNumber(MiB, Number.MAX_SAFE_INTEGER),
    help: 'memory of one runner for keys and values',
  },
  peerPort: {
    flag: 'peer-port',
    schema: wholeNumber(0, 65_535),
    help: `port for other nodes (${DEFAULT_PEER_PORT}; 0 = any)`,
  },
  peerHost: {
    flag: 'peer-host',
    schema: z.string().refine((text) => isIP(text) !== 0, 'must be an IP address of this computer'),
    help: 'IP address for other nodes (all interfaces)',
  },
  clusterKey: {
    flag: 'cluster-key',
    schema: z.string(),
    help: 'key that the nodes of a cluster share, 64 hex digits',
  },
} as const satisfies Record<string, Option>;

/** How a problem names where a wrong value came from. */
const placeOf = (flag: string, origin: Origin | undefined): string =>
  origin === 'Settings' ? `the setting ${flag}` : origin === 'Environment' ? variableOf(flag) : `--${flag}`;

const variableOf = (flag: string): string => `SKEIN_${flag.toUpperCase().replaceAll('-', '_')}`;

/** One line for each flag of `serve`. */
export const serveHelp: string = [
  ...Object.values(options).map(({ flag, help }) => [`--${flag} VALUE`, help] as const),
  ['', 'or @FILE with it, readable by its owner alone; better'] as const,
  ['', 'than KEY, which other users see among the processes'] as const,
  ['--peer ADDRESS', 'IP:PORT or multiaddr of another; may be given often'] as const,
  ['--no-discovery', 'do not look for other nodes in the local network'] as const,
  ['--model-dir FOLDER', 'folder of models, only read; may be given often'] as const,
  ['--starter', 'create the starter model in an empty data folder'] as const,
]
  .map(([flag, help]) => `  ${flag.padEnd(24)} ${help}`)
  .join('\n');

/**
 * Reads the flags after `serve` and the environment.
 * @returns the config, or one message for people that names each wrong flag or variable
 */
export function parseConfig(init: {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Of relative folders. */
  readonly workingFolder: string;
  readonly defaultDataFolder: string;
  /** What people changed in the dashboard: texts by flag, as variables hold them. */
  readonly stored?: Readonly<Record<string, string | undefined>>;
}): Result<Config, string> {
  const flags = parseFlags(init.args);
  if (!flags.ok) return flags;
  const problems: string[] = [];
  const origins: Record<string, Origin> = {};
  /** An empty variable is as good as none. */
  const said = (flag: string, variable = variableOf(flag)): string | undefined => {
    const given = flags.value[flag];
    const [text, origin] =
      given !== undefined
        ? [typeof given === 'string' ? given : undefined, 'Flag' as const]
        : init.env[variable]
          ? [init.env[variable], 'Environment' as const]
          : [init.stored?.[flag], 'Settings' as const];
    if (given !== undefined || text !== undefined) origins[flag] = origin;
    return text;
  };
  const take = <Value>(flag: string, schema: z.ZodType<Value>): Value | undefined => {
    const text = said(flag);
    if (text === undefined) return undefined;
    const parsed = schema.safeParse(text);
    if (parsed.success) return parsed.data;
    const place = placeOf(flag, origins[flag]);
    problems.push(
      `${place}: ${parsed.error.issues[0]?.message ?? 'invalid'}, but is ${JSON.stringify(text)}`,
    );
    return undefined;
  };
  const absolute = (path: string): string => resolve(init.workingFolder, path);
  /** Its flag and its variable; neither ever shows the key. */
  const clusterKey = (): Uint8Array | undefined => {
    const { flag } = options.clusterKey;
    const given = flags.value[flag];
    const text = take(flag, options.clusterKey.schema);
    if (text === undefined) return undefined;
    const read = text.startsWith('@')
      ? readKeyFile(absolute(text.slice(1)))
      : (clusterKeyOf(text) ?? refused('must be 64 hexadecimal digits, or @FILE with them'));
    if (read instanceof Uint8Array) return read;
    if (read.ok) return read.value;
    problems.push(`${given === undefined ? variableOf(flag) : `--${flag}`}: ${read.error}`);
    return undefined;
  };
  const peers = (): string[] => {
    const given = flags.value['peer'];
    const text = said('peer', 'SKEIN_PEERS') ?? '';
    const texts = Array.isArray(given)
      ? (given as readonly string[])
      : text.split(/[\s,]+/).filter((each) => each !== '');
    return texts.flatMap((text) => {
      const address = peerMultiaddr(text);
      if (address.ok) return [address.value];
      const place = origins['peer'] === 'Environment' ? 'SKEIN_PEERS' : placeOf('peer', origins['peer']);
      problems.push(`${place}: ${address.error}, but is ${JSON.stringify(text)}`);
      return [];
    });
  };
  const modelDirTexts = (said('model-dir', 'SKEIN_MODEL_DIRS') ?? '').split(delimiter);
  const modelDirs = flags.value['model-dir'] ?? modelDirTexts;
  const starter = flags.value['starter'] === true || take('starter', yes) === true;

  const config: Config = {
    port: take(options.port.flag, options.port.schema) ?? 52_415,
    dataDir: absolute(take(options.dataDir.flag, options.dataDir.schema) ?? init.defaultDataFolder),
    logLevel: take(options.logLevel.flag, options.logLevel.schema) ?? 'info',
    modelDirs: (Array.isArray(modelDirs) ? modelDirs : []).filter((path) => path !== '').map(absolute),
    starter,
    name: take(options.name.flag, options.name.schema),
    limits: {
      maxTasks: take(options.maxTasks.flag, options.maxTasks.schema) ?? 4,
      maxQueued: take(options.maxQueued.flag, options.maxQueued.schema) ?? 32,
      prefillChunk: take(options.prefillChunk.flag, options.prefillChunk.schema) ?? 256,
      kvBytes: take(options.kvBytes.flag, options.kvBytes.schema),
    },
    peerPort: take(options.peerPort.flag, options.peerPort.schema) ?? DEFAULT_PEER_PORT,
    peerHost: take(options.peerHost.flag, options.peerHost.schema),
    peers: peers(),
    clusterKey: clusterKey(),
    discovery: flags.value['no-discovery'] !== true && take('no-discovery', yes) !== true,
    // No flag: `skein serve`, which has flags, never seals.
    plainSecrets: take('plain-secrets', yes) === true,
    origins,
  };
  return problems.length === 0 ? ok(config) : refused(problems.join('\n'));
}

type Flags = Readonly<Record<string, string | boolean | readonly string[] | undefined>>;

function parseFlags(args: readonly string[]): Result<Flags, string> {
  const valued = Object.values(options).map(({ flag }) => [flag, { type: 'string' as const }] as const);
  try {
    const { values } = parseArgs({
      args: [...args],
      strict: true,
      allowPositionals: false,
      options: {
        ...Object.fromEntries(valued),
        'model-dir': { type: 'string', multiple: true },
        peer: { type: 'string', multiple: true },
        'no-discovery': { type: 'boolean' },
        starter: { type: 'boolean' },
      },
    });
    return ok(values as Flags);
  } catch (error) {
    // Node's first sentence names the flag; the rest explains its own syntax.
    return refused((error as Error).message.split(/\.\s/)[0] ?? 'the flags are not valid');
  }
}
