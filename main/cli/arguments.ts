import { parseArgs, type ParseArgsConfig } from 'node:util';
import { DEFAULT_PORT } from '../core/contract/rest.ts';
import { MOST_NODES } from '../core/simulator/random-scenario.ts';
import { CliError, exitCodes } from './exit.ts';
import type { commandHelp } from './help.ts';

interface Common {
  readonly host: string;
  readonly port: number;
  readonly json: boolean;
}

/** What was asked for, checked as far as this program can. */
export type Invocation =
  | { readonly type: 'help'; readonly of: keyof typeof commandHelp | null }
  | { readonly type: 'version' }
  | (Common & CreateOptions & { readonly type: 'create' })
  | (Common & UpdateOptions & { readonly type: 'update'; readonly id: string })
  | (Common & PlaceOptions & { readonly type: 'preview' })
  | (Common & { readonly type: 'ls' })
  | (Common & { readonly type: 'status' })
  | (Common & { readonly type: 'rm'; readonly id: string })
  | (Common & { readonly type: 'retry' | 'pause' | 'resume'; readonly id: string })
  | (Common & ChatOptions & { readonly type: 'chat' })
  | (SimulateOptions & { readonly type: 'simulate' });

/** What is to run, and where it may. */
export interface PlaceOptions {
  readonly model: string;
  readonly sharding: string | undefined;
  readonly interconnect: string | undefined;
  readonly minNodes: number | undefined;
  readonly maxNodes: number | undefined;
  readonly nodes: readonly string[];
  readonly placement: string | undefined;
  readonly context: number | undefined;
}

export interface CreateOptions extends PlaceOptions {
  readonly name: string | undefined;
  readonly priority: number | undefined;
  readonly preempt: boolean;
  readonly idleUnload: number | undefined;
  readonly wait: boolean;
  readonly timeoutMs: number;
}

/** Undefined = stays as it is; null = taken away. */
export interface UpdateOptions {
  readonly model: string | undefined;
  readonly sharding: string | undefined;
  readonly interconnect: string | undefined;
  readonly minNodes: number | undefined;
  readonly context: number | null | undefined;
  readonly priority: number | undefined;
  readonly idleUnload: number | null | undefined;
}

export interface ChatOptions {
  readonly prompt: string | undefined;
  readonly model: string | undefined;
  readonly system: string | undefined;
  readonly maxTokens: number | undefined;
  readonly temperature: number | undefined;
  readonly seed: number | undefined;
}

/** Of a file, or of random lives when it is undefined. */
export interface SimulateOptions {
  readonly file: string | undefined;
  /** In place of the file's own; without a file, the one life to play in full. */
  readonly seed: number | undefined;
  readonly seeds: { readonly first: number; readonly last: number } | undefined;
  readonly nodes: { readonly least: number; readonly most: number };
  readonly json: boolean;
  /** The scenario of that seed in place of playing it. */
  readonly print: boolean;
  /** The JSON Schema of scenario files. */
  readonly schema: boolean;
}

const PRIORITIES = { least: 0, most: 100 };
const IDLE_SECONDS = { least: 1, most: 7 * 24 * 3_600 };
const DEFAULT_WAIT_SECONDS = 600;

const common = {
  host: { type: 'string' },
  port: { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const satisfies ParseArgsConfig['options'];

const placing = {
  sharding: { type: 'string' },
  interconnect: { type: 'string' },
  'min-nodes': { type: 'string' },
  'max-nodes': { type: 'string' },
  node: { type: 'string', multiple: true },
  placement: { type: 'string' },
  context: { type: 'string' },
} as const satisfies ParseArgsConfig['options'];

const options = {
  create: {
    ...common,
    ...placing,
    name: { type: 'string' },
    priority: { type: 'string' },
    preempt: { type: 'boolean' },
    'idle-unload': { type: 'string' },
    wait: { type: 'boolean' },
    timeout: { type: 'string' },
  },
  update: {
    ...common,
    model: { type: 'string' },
    sharding: { type: 'string' },
    interconnect: { type: 'string' },
    'min-nodes': { type: 'string' },
    context: { type: 'string' },
    priority: { type: 'string' },
    'idle-unload': { type: 'string' },
  },
  preview: { ...common, ...placing },
  ls: common,
  rm: common,
  retry: common,
  pause: common,
  resume: common,
  status: common,
  chat: {
    ...common,
    model: { type: 'string' },
    system: { type: 'string' },
    'max-tokens': { type: 'string' },
    temperature: { type: 'string' },
    seed: { type: 'string' },
  },
  simulate: {
    help: common.help,
    json: common.json,
    schema: { type: 'boolean' },
    random: { type: 'boolean' },
    print: { type: 'boolean' },
    seed: { type: 'string' },
    seeds: { type: 'string' },
    nodes: { type: 'string' },
  },
} as const satisfies Record<keyof typeof commandHelp, ParseArgsConfig['options']>;

type Name = keyof typeof options;

const isName = (name: string): name is Name => Object.hasOwn(options, name);

/** @throws CliError `usage` that says which argument is wrong and where help is */
export function parseInvocation(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Invocation {
  const [name, ...rest] = argv;
  if (name === undefined || name === '--help' || name === '-h') return { type: 'help', of: null };
  if (name === '--version' || name === '-v' || name === '-V') return { type: 'version' };
  if (name === 'help') return { type: 'help', of: isName(rest[0] ?? '') ? (rest[0] as Name) : null };
  if (!isName(name)) throw usage(`There is no command ${JSON.stringify(name)}; \`skein --help\` lists them.`);

  const { values, positionals } = split(name, rest);
  if (values['help'] === true) return { type: 'help', of: name };
  const text = (flag: string): string | undefined => values[flag] as string | undefined;
  const number = (flag: string, range: Range): number | undefined => numberOf(`--${flag}`, text(flag), range);
  const asked: Common = {
    host: text('host') ?? (env['SKEIN_HOST'] || '127.0.0.1'),
    port:
      number('port', { least: 1, most: 65_535 }) ??
      numberOf('SKEIN_PORT', env['SKEIN_PORT'] || undefined, { least: 1, most: 65_535 }) ??
      DEFAULT_PORT,
    json: values['json'] === true,
  };
  const only = (what: string): string => {
    const [first, ...more] = positionals;
    if (first === undefined || first === '') throw usage(`${what} is missing; see \`skein ${name} --help\`.`);
    if (more.length > 0) throw tooMany(name, more);
    return first;
  };

  const place = (): PlaceOptions => ({
    model: only('MODEL'),
    sharding: text('sharding'),
    interconnect: text('interconnect'),
    minNodes: number('min-nodes', { least: 1, most: 64 }),
    maxNodes: number('max-nodes', { least: 1, most: 64 }),
    nodes: (values['node'] as readonly string[] | undefined) ?? [],
    placement: text('placement'),
    context: number('context', { least: 16, most: 1 << 24 }),
  });

  switch (name) {
    case 'preview':
      return { type: name, ...asked, ...place() };
    case 'create':
      return {
        type: name,
        ...asked,
        ...place(),
        name: text('name'),
        priority: number('priority', PRIORITIES),
        preempt: values['preempt'] === true,
        idleUnload: number('idle-unload', IDLE_SECONDS),
        wait: values['wait'] === true,
        timeoutMs: (number('timeout', { least: 1, most: 86_400 }) ?? DEFAULT_WAIT_SECONDS) * 1_000,
      };
    case 'update': {
      const changes: UpdateOptions = {
        model: text('model'),
        sharding: text('sharding'),
        interconnect: text('interconnect'),
        minNodes: number('min-nodes', { least: 1, most: 64 }),
        priority: number('priority', PRIORITIES),
        idleUnload: text('idle-unload') === 'never' ? null : number('idle-unload', IDLE_SECONDS),
        context: text('context') === 'default' ? null : number('context', { least: 16, most: 1 << 24 }),
      };
      const id = only('ID');
      if (Object.values(changes).every((change) => change === undefined)) {
        throw usage('Nothing to change is given; see `skein update --help`.');
      }
      return { type: name, ...asked, ...changes, id };
    }
    case 'rm':
    case 'retry':
    case 'pause':
    case 'resume':
      return { type: name, ...asked, id: only('ID') };
    case 'ls':
    case 'status':
      if (positionals.length > 0) throw tooMany(name, positionals);
      return { type: name, ...asked };
    case 'chat':
      return {
        type: name,
        ...asked,
        prompt: positionals.length === 0 ? undefined : positionals.join(' '),
        model: text('model'),
        system: text('system'),
        maxTokens: number('max-tokens', { least: 1, most: 1 << 24 }),
        temperature: number('temperature', { least: 0, most: 2, fraction: true }),
        seed: number('seed', { least: -Number.MAX_SAFE_INTEGER, most: Number.MAX_SAFE_INTEGER }),
      };
    case 'simulate': {
      const whole = { least: 0, most: Number.MAX_SAFE_INTEGER };
      const [schema, random] = [values['schema'] === true, values['random'] === true];
      if (random && positionals.length > 0) throw tooMany(name, positionals);
      const seeds = rangeOf('--seeds', text('seeds'), { least: 1, most: whole.most });
      const nodes = rangeOf('--nodes', text('nodes'), { least: 1, most: MOST_NODES });
      return {
        type: name,
        file: schema || random ? undefined : only('FILE (or --random, or --schema)'),
        seed: number('seed', whole),
        seeds: seeds && { first: seeds.from ?? 1, last: seeds.to },
        nodes:
          nodes === undefined ? { least: 2, most: 5 } : { least: nodes.from ?? nodes.to, most: nodes.to },
        json: asked.json,
        print: values['print'] === true,
        schema,
      };
    }
  }
}

/** `A..B`, or one number, which is the range's end. */
function rangeOf(
  flag: string,
  text: string | undefined,
  range: Range,
): { readonly from: number | undefined; readonly to: number } | undefined {
  if (text === undefined) return undefined;
  const [first = '', second, ...more] = text.split('..');
  const from = second === undefined ? undefined : numberOf(flag, first, range);
  const to = numberOf(flag, second ?? first, range);
  if (to === undefined || more.length > 0 || (from ?? to) > to) {
    throw usage(`${flag} must be a number or a range A..B, but is ${JSON.stringify(text)}.`);
  }
  return { from, to };
}

function split(
  name: Name,
  args: readonly string[],
): { values: Readonly<Record<string, unknown>>; positionals: readonly string[] } {
  try {
    return parseArgs({ args: [...args], options: options[name], allowPositionals: true, strict: true });
  } catch (error) {
    const reason = error instanceof Error ? firstSentence(error.message) : String(error);
    throw usage(`${reason}; see \`skein ${name} --help\`.`);
  }
}

/** Node's hints after it are about quoting and dashes, not about Skein. */
function firstSentence(message: string): string {
  return message.replace(/\.(\s.*)?$/s, '').replace(/\n.*$/s, '');
}

interface Range {
  readonly least: number;
  readonly most: number;
  readonly fraction?: boolean;
}

function numberOf(
  flag: string,
  text: string | undefined,
  { least, most, fraction = false }: Range,
): number | undefined {
  if (text === undefined) return undefined;
  const value = /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : NaN;
  if (value >= least && value <= most && (fraction || Number.isSafeInteger(value))) return value;
  const kind = fraction ? 'a number' : 'a whole number';
  throw usage(`${flag} must be ${kind} from ${least} to ${most}, but is ${JSON.stringify(text)}.`);
}

function tooMany(name: string, extra: readonly string[]): CliError {
  return usage(`Too many arguments for ${name}: ${extra.join(' ')}; see \`skein ${name} --help\`.`);
}

function usage(message: string): CliError {
  return new CliError(exitCodes.usage, message);
}
