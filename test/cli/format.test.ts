import { describe, expect, test } from 'vitest';
import { MetaInstanceView } from '../../main/core/contract/rest.ts';
import { agoText, formatList } from '../../main/cli/format.ts';
import { commandHelp, generalHelp } from '../../main/cli/help.ts';
import {
  coloured,
  fit,
  printable,
  printableJson,
  styleFor,
  uncoloured,
  wrap,
} from '../../main/cli/terminal.ts';
import { fakeIo } from '../support/fake-io.ts';

const now = 1_000_000;

function view(fields: object): MetaInstanceView {
  const base = {
    metaInstanceId: 'starter',
    modelId: 'SmolLM2-135M-Instruct',
    sharding: 'Pipeline',
    instanceMeta: 'MlxRing',
    minNodes: 1,
    maxNodes: null,
    placement: 'smallest',
    nodeIds: [],
    contextLength: null,
    priority: 50,
    preempt: false,
    idleUnloadSeconds: null,
    generation: 1,
    observedGeneration: 1,
    createdAt: 0,
    deleting: false,
    phase: 'READY',
    phaseLabel: 'READY',
    conditions: {},
    consecutiveFailures: 0,
    maxRetries: 3,
    lastFailure: null,
    placementError: null,
    nextAttemptAt: null,
    instanceId: null,
  };
  return MetaInstanceView.parse({ ...base, ...fields });
}

const failure = { message: 'mac: Crashed while loading: signal SIGSEGV', at: now - 65_000, attempt: 1 };

const several = [
  view({}),
  view({
    metaInstanceId: 'big',
    modelId: 'Org/Huge-405B',
    phase: 'PLACEMENT FAILED',
    phaseLabel: 'PLACEMENT FAILED',
    placementError: 'no node has 231 GiB free: mac has 14.2 GiB, mini has 6.1 GiB; free memory or add a node',
  }),
  view({
    metaInstanceId: 'shaky',
    phase: 'RETRYING',
    phaseLabel: 'RETRYING 2/3',
    lastFailure: failure,
    nextAttemptAt: now + 3_200,
  }),
  view({ metaInstanceId: 'broken', phase: 'FAILED', phaseLabel: 'FAILED', lastFailure: failure }),
];

describe('the list', () => {
  test('name, model, phase; below what went wrong and what comes next', () => {
    expect(formatList(several, { width: 80, now, style: uncoloured })).toBe(
      [
        'NAME     MODEL                  PHASE',
        'starter  SmolLM2-135M-Instruct  READY',
        'big      Org/Huge-405B          PLACEMENT FAILED',
        '    no place: no node has 231 GiB free: mac has 14.2 GiB, mini has 6.1 GiB; free',
        '    memory or add a node',
        'shaky    SmolLM2-135M-Instruct  RETRYING 2/3',
        '    next attempt in 4 s',
        '    last failure 1 min ago: mac: Crashed while loading: signal SIGSEGV',
        'broken   SmolLM2-135M-Instruct  FAILED',
        '    last failure 1 min ago: mac: Crashed while loading: signal SIGSEGV',
        '    `skein retry broken` tries again',
        '',
      ].join('\n'),
    );
  });

  test.each([40, 80, 200])('fits %i columns, whatever the names', (width) => {
    const long = view({
      metaInstanceId: 'n'.repeat(63),
      modelId: `Owner/${'m'.repeat(100)}`,
      phase: 'PLACEMENT FAILED',
      phaseLabel: 'PLACEMENT FAILED',
      placementError: `${'x'.repeat(300)} ${'word '.repeat(50)}`,
    });
    const lines = formatList([long, ...several], { width, now, style: uncoloured }).split('\n');
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(width);
  });

  test('nothing to list says how to begin', () => {
    expect(formatList([], { width: 80, now, style: uncoloured })).toContain('skein create MODEL');
  });

  test('what a runner says can not reach the terminal as a command', () => {
    const evil = view({ lastFailure: { ...failure, message: 'a\u001b]0;owned\u0007b\u009b2Jc' } });
    expect(formatList([evil], { width: 80, now, style: uncoloured })).toContain('a]0;ownedb2Jc');
  });

  test.each([
    [0, '0 s ago'],
    [59_999, '59 s ago'],
    [60_000, '1 min ago'],
    [7_200_000, '2 h ago'],
    [3 * 86_400_000, '3 days ago'],
    [-5, '0 s ago'],
  ])('%i ms are %s', (elapsed, text) => expect(agoText(elapsed)).toBe(text));
});

describe('the terminal', () => {
  test.each([
    ['colour', '\u001b[31mred\u001b[0m', '[31mred[0m'],
    ['title', '\u001b]0;x\u0007', ']0;x'],
    ['C1 introducer', '\u009b31m', '31m'],
    ['overwriting', 'safe\rEVIL', 'safeEVIL'],
    ['backspaces', 'ab\b\bcd', 'abcd'],
    ['reversed reading', 'abc\u202egpj.exe', 'abcgpj.exe'],
    ['isolates', '\u2066a\u2069', 'a'],
    ['nothing to hide', 'Grüße\t👋🏽\n日本', 'Grüße\t👋🏽\n日本'],
    ['Windows line ends', 'a\r\nb', 'a\nb'],
  ])('%s', (_name, raw, shown) => expect(printable(raw)).toBe(shown));

  test('JSON stays exact and harmless', () => {
    const value = { text: 'a\u001b[2J\u009b\u202e\u007f\n"' };
    const json = printableJson(value);
    expect(json).toBe(printable(json));
    expect(JSON.parse(json)).toEqual(value);
  });

  test('colours only for a person who wants them', () => {
    const onTerminal = fakeIo({ tty: true }).stdout;
    expect(styleFor(onTerminal, {})).toBe(coloured);
    expect(styleFor(onTerminal, { NO_COLOR: '1' })).toBe(uncoloured);
    expect(styleFor(onTerminal, { TERM: 'dumb' })).toBe(uncoloured);
    expect(styleFor(fakeIo().stdout, {})).toBe(uncoloured);
  });

  test('wrapping and fitting', () => {
    expect(wrap('aa bb cc', { width: 7, indent: '  ' })).toEqual(['  aa bb', '  cc']);
    expect(wrap('abcdefgh', { width: 5, indent: ' ' })).toEqual([' abcd', ' efgh']);
    expect(wrap('a\n\nb', { width: 5, indent: '' })).toEqual(['a', 'b']);
    expect(fit('abc', 5)).toBe('abc  ');
    expect(fit('abcdef', 5)).toBe('abcd…');
  });
});

test('every help fits 80 columns and tells the exit codes', () => {
  for (const text of [generalHelp, ...Object.values(commandHelp)]) {
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
    for (const code of [0, 1, 2, 3, 4, 5, 130]) expect(text).toMatch(new RegExp(`  ${code} [a-z]`));
  }
  expect(generalHelp).toContain('  serve ');
});
