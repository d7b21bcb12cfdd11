import { parseArgs } from 'node:util';
import { DEFAULT_PORT } from '../core/contract/rest.ts';
import { MOST_NODES } from '../core/simulator/random-scenario.ts';
import type { CliError } from './exit.ts';
import { options, type Name } from './flags.ts';
import type { Common, Invocation, PlaceOptions, UpdateOptions } from './invocation.ts';
import { numberOf, rangeOf, usage, type Range } from './number.ts';

const NODES = { least: 1, most: 64 };
const CONTEXT = { least: 16, most: 1 << 24 };
const PRIORITIES = { least: 0, most: 100 };
const IDLE_SECONDS = { least: 1, most: 7 * 24 * 3_600 };
const DEFAULT_WAIT_SECONDS = 600;

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

  const nodes = values['node'] as readonly string[] | undefined;
  const where = (): Omit<PlaceOptions, 'model'> => ({
    sharding: text('sharding'),
    interconnect: text('interconnect'),
    minNodes: number('min-nodes', NODES),
    maxNodes: number('max-nodes', NODES),
    nodes: nodes ?? [],
    placement: text('placement'),
    context: number('context', CONTEXT),
  });

  switch (name) {
    case 'preview': {
      const update = text('update');
      return {
        type: name,
        ...asked,
        model: update === undefined || positionals.length > 0 ? only('MODEL') : undefined,
        ...where(),
        update,
        priority: number('priority', PRIORITIES),
        preempt: values['preempt'] === true,
      };
    }
    case 'place': {
      const file = text('file');
      if (file === undefined) return { type: name, ...asked, model: only('MODEL'), ...where() };
      if (positionals.length > 0) throw tooMany(name, positionals);
      return { type: name, ...asked, file };
    }
    case 'create':
      return {
        type: name,
        ...asked,
        model: only('MODEL'),
        ...where(),
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
        minNodes: number('min-nodes', NODES),
        maxNodes: text('max-nodes') === 'any' ? null : number('max-nodes', NODES),
        nodes: nodes?.join() === 'any' ? [] : nodes,
        placement: text('placement'),
        preempt: values['preempt'] as boolean | undefined,
        priority: number('priority', PRIORITIES),
        idleUnload: text('idle-unload') === 'never' ? null : number('idle-unload', IDLE_SECONDS),
        context: text('context') === 'default' ? null : number('context', CONTEXT),
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
    case 'stop':
    case 'cancel':
      return {
        type: name,
        ...asked,
        id: only(name === 'stop' ? 'INSTANCE' : name === 'cancel' ? 'TASK' : 'ID'),
      };
    case 'ls':
    case 'instances':
    case 'tasks':
    case 'status':
    case 'nodes':
    case 'leave':
    case 'doctor':
      if (positionals.length > 0) throw tooMany(name, positionals);
      return { type: name, ...asked };
    case 'pair':
      if (positionals.length > 0) throw tooMany(name, positionals);
      return { type: name, ...asked, wait: values['no-wait'] !== true };
    case 'join':
      return { type: name, ...asked, code: only('CODE'), peer: text('peer') };
    case 'remove':
      return { type: name, ...asked, node: only('NODE') };
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

function split(
  name: Name,
  args: readonly string[],
): { values: Readonly<Record<string, unknown>>; positionals: readonly string[] } {
  try {
    // `--no-preempt` takes back what was said once; nothing else can be.
    const allowNegative = name === 'update';
    return parseArgs({
      args: [...args],
      options: options[name],
      allowPositionals: true,
      strict: true,
      allowNegative,
    });
  } catch (error) {
    const reason = error instanceof Error ? firstSentence(error.message) : String(error);
    throw usage(`${reason}; see \`skein ${name} --help\`.`);
  }
}

/** Node's hints after it are about quoting and dashes, not about Skein. */
function firstSentence(message: string): string {
  return message.replace(/\.(\s.*)?$/s, '').replace(/\n.*$/s, '');
}

function tooMany(name: string, extra: readonly string[]): CliError {
  return usage(`Too many arguments for ${name}: ${extra.join(' ')}; see \`skein ${name} --help\`.`);
}
