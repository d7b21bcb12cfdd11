import { describe, expect, test } from 'vitest';
import { parseInvocation } from '../../main/cli/arguments.ts';
import type { CliError } from '../../main/cli/exit.ts';

const common = { host: '127.0.0.1', port: 52_415, json: false };

describe('what was asked for', () => {
  test.each([
    [[], { type: 'help', of: null }],
    [['--help'], { type: 'help', of: null }],
    [['help', 'chat'], { type: 'help', of: 'chat' }],
    [['create', '--help'], { type: 'help', of: 'create' }],
    [['--version'], { type: 'version' }],
    [['ls', '--json'], { type: 'ls', ...common, json: true }],
    [['rm', 'a'], { type: 'rm', ...common, id: 'a' }],
    [
      ['retry', 'a', '--port', '7', '--host', '::1'],
      { type: 'retry', ...common, id: 'a', port: 7, host: '::1' },
    ],
    [['chat', 'tell', 'me'], expect.objectContaining({ type: 'chat', prompt: 'tell me' })],
    [['chat', '--seed=-5', '--temperature', '0.5'], expect.objectContaining({ seed: -5, temperature: 0.5 })],
    [['chat', '--', '--not-an-option'], expect.objectContaining({ prompt: '--not-an-option' })],
    [
      ['create', 'M', '--name', 'n', '--min-nodes', '2', '--wait', '--timeout', '3'],
      expect.objectContaining({ model: 'M', name: 'n', minNodes: 2, wait: true, timeoutMs: 3_000 }),
    ],
  ])('skein %j', (argv, expected) => {
    expect(parseInvocation(argv, {})).toEqual(expected);
  });

  test('a flag wins over the environment, which wins over the default', () => {
    const env = { SKEIN_PORT: '8', SKEIN_HOST: 'localhost' };
    expect(parseInvocation(['ls'], env)).toMatchObject({ port: 8, host: 'localhost' });
    expect(parseInvocation(['ls', '--port', '9'], env)).toMatchObject({ port: 9 });
    expect(parseInvocation(['ls'], { SKEIN_PORT: '', SKEIN_HOST: '' })).toMatchObject(common);
  });
});

describe('what is wrong is named, and exits with 2', () => {
  test.each([
    [['lst'], 'no command "lst"'],
    [['toString'], 'no command "toString"'],
    [['create'], 'MODEL is missing'],
    [['rm'], 'ID is missing'],
    [['rm', 'a', 'b'], 'Too many arguments for rm: b'],
    [['ls', 'a'], 'Too many arguments for ls: a'],
    [['ls', '--wait'], "Unknown option '--wait'"],
    [['create', 'M', '--min-nodes', '0'], '--min-nodes must be a whole number from 1 to 64, but is "0"'],
    [['create', 'M', '--min-nodes', '1.5'], '--min-nodes must be a whole number'],
    [['chat', '--temperature', 'hot'], '--temperature must be a number from 0 to 2, but is "hot"'],
    [['ls', '--port', '0'], '--port must be a whole number from 1 to 65535'],
    [['ls', '--port'], "Option '--port <value>' argument missing"],
  ])('skein %j', (argv, says) => {
    expect(() => parseInvocation(argv, {})).toThrow(says);
    expect(() => parseInvocation(argv, {})).toThrow(expect.objectContaining({ exitCode: 2 }) as CliError);
  });

  test('a wrong environment variable too', () => {
    expect(() => parseInvocation(['ls'], { SKEIN_PORT: 'http' })).toThrow(
      'SKEIN_PORT must be a whole number',
    );
  });
});
