import { expect, it } from 'vitest';
import { createLog, type LogLevel } from '../../main/node/log.ts';

function written(level: LogLevel): string[] {
  const lines: string[] = [];
  const log = createLog({
    level,
    now: () => Date.UTC(2026, 0, 2, 3, 4, 5),
    write: (line) => lines.push(line),
  });
  log.debug('Seen');
  log.info('Runner started', { runner: 'chat.r0', pid: 12 });
  log.warn('Runner failed', {
    problem: new Error('it "died"\nbadly'),
    reason: 'two words',
    nothing: undefined,
  });
  log.error('The end');
  return lines;
}

it('a line is time, level, sentence and what it is about', () => {
  expect(written('debug')).toEqual([
    '03:04:05 debug Seen\n',
    '03:04:05 info  Runner started runner=chat.r0 pid=12\n',
    '03:04:05 warn  Runner failed problem="it \\"died\\"\\nbadly" reason="two words" nothing=undefined\n',
    '03:04:05 error The end\n',
  ]);
});

it.each([
  ['info', 3],
  ['warn', 2],
  ['error', 1],
  ['silent', 0],
] as const)('from %s upward there are %i lines', (level, count) => {
  expect(written(level)).toHaveLength(count);
});
