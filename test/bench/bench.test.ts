import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { atLeast, below, figureOf, isReached, median, percentile } from './figure.ts';
import { whyNotQuiet, type Machine } from './machine.ts';
import { readMemory } from './memory-reading.ts';
import { places } from './places.ts';
import { formatFigures, formatMachine, writeReport } from './report.ts';
import { SseTrace } from './stream.ts';

const quietMachine: Machine = {
  cpu: 'Some CPU',
  cores: 2,
  memoryBytes: 8 * 2 ** 30,
  system: 'linux 6 x64',
  node: 'v24.0.0',
  commit: 'abc',
  load: { average: 0.2, busyShare: 0.01 },
};

describe('figures', () => {
  test('the median is the middle sample, or the mean of the middle two', () => {
    expect([median([9, 1, 2]), median([4, 1, 2, 9]), median([7])]).toEqual([2, 3, 7]);
    expect(() => median([])).toThrow('nothing was measured');
    expect(() => median([1, NaN])).toThrow('not measured: 1, NaN');
  });

  test('percentiles are samples, by nearest rank', () => {
    const samples = Array.from({ length: 200 }, (_, index) => 200 - index);
    expect([50, 99, 100, 0].map((percent) => percentile(samples, percent))).toEqual([100, 198, 200, 1]);
    expect(() => percentile([], 50)).toThrow('nothing was measured');
  });

  test('an aim below is missed at its limit, one at least is reached there; without an aim neither', () => {
    expect([
      isReached({ value: 1, aim: below(1) }),
      isReached({ value: 0.9, aim: below(1) }),
      isReached({ value: 30, aim: atLeast(30) }),
      isReached({ value: 29.9, aim: atLeast(30) }),
      isReached({ value: 1 }),
    ]).toEqual([false, true, true, false, undefined]);
  });
});

describe('the report', () => {
  const figures = [
    figureOf('start', 'ms', [900, 1200, 800], { aim: below(1000) }),
    figureOf('decode, long name', 'tok/s', [20], { aim: atLeast(30), note: 'a note' }),
    figureOf('ratio', '×', [1.23, 1.25]),
  ];

  test('has a line for each figure, with spread, aim and whether it was reached', () => {
    expect(formatFigures(figures).split('\n')).toEqual([
      'start                  900 ms   800 … 1200  aim < 1000  reached',
      'decode, long name  20.0 tok/s               aim ≥ 30    MISSED   a note',
      'ratio                  1.24 ×  1.23 … 1.25',
    ]);
  });

  test('holds all samples and what was reached in its JSON', () => {
    const folder = mkdtempSync(join(tmpdir(), 'skein-bench-test-'));
    try {
      const path = join(folder, 'deeper', 'report.json');
      const machine = quietMachine;
      writeReport(path, { startedAt: 'then', machine, loadAfter: machine.load, runs: 3, figures });
      expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({
        machine: { cpu: 'Some CPU', load: { average: 0.2 } },
        figures: [
          { name: 'start', value: 900, samples: [900, 1200, 800], reached: true },
          { name: 'decode, long name', value: 20, reached: false, note: 'a note' },
          { name: 'ratio', value: 1.24, reached: null },
        ],
      });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('warns of a machine that is busy now or was a moment ago, and of no other', () => {
    const busy = { ...quietMachine, load: { average: 0.2, busyShare: 0.6 } };
    const lately = { ...quietMachine, load: { average: 1.5, busyShare: 0 } };
    expect([quietMachine, busy, lately].map((machine) => whyNotQuiet(machine) !== undefined)).toEqual([
      false,
      true,
      true,
    ]);
    expect(formatMachine(busy)).toContain('60 % busy without the bench');
  });
});

describe('a traced stream', () => {
  const event = (at: number): string => `: sampled_at_us ${at}\ndata: {"text":"a"}\n\n`;

  test('gives the delay of each event, however the socket cuts it', () => {
    const trace = new SseTrace();
    trace.push('HTTP/1.1 200 OK\r\n\r\n2a\r\n: prefill_progress {}\n\n\r\n', 5);
    trace.push(`2b\r\n${event(100)}\r\n2b\r\n${event(110).slice(0, 20)}`, 150);
    trace.push(`${event(110).slice(20)}\r\n`, 190);
    expect([trace.delaysUs, trace.ended]).toEqual([[50, 80], false]);
    trace.push('data: {}\n\ndata: [DO', 200);
    trace.push('NE]\n\n', 210);
    expect([trace.delaysUs, trace.ended]).toEqual([[50, 80], true]);
  });
});

test('reads what a process takes of the memory', () => {
  const { residentBytes, ownBytes = 0, sharedOutBytes = 0 } = readMemory(process.pid);
  expect(residentBytes).toBeGreaterThan(10e6);
  expect(Math.abs(residentBytes / process.memoryUsage.rss() - 1)).toBeLessThan(0.2);
  expect(Math.max(ownBytes, sharedOutBytes)).toBeLessThanOrEqual(residentBytes);
});

test.each([
  [['--only', 'nothing'], 'There is no benchmark nothing.'],
  [['--runs', '0'], '--runs must be a whole number from 1 to 100.'],
  [['--fast'], "Unknown option '--fast'"],
])('refuses %j with what it takes instead', (args, message) => {
  const script = join(places.root, 'test', 'bench', 'main.ts');
  const { status, stderr } = spawnSync(places.node24, [script, ...args], {
    encoding: 'utf8',
    timeout: 20_000,
  });
  expect({ status, stderr }).toEqual({ status: 2, stderr: expect.stringContaining(message) });
  expect(stderr).toContain('Usage: npm run bench');
});
