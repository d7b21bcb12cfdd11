import { describe, expect, it } from 'vitest';
import type { RunnerReport } from '../../main/core/contract/runner.ts';
import { SECOND } from '../../main/core/unit.ts';
import { defaultRunnerBounds } from '../../main/node/runner/defaults.ts';
import { ReportReader } from '../../main/node/runner/report-reader.ts';
import { FakeClock } from '../support/fake-clock.ts';

const warmedUp = JSON.stringify({ type: 'WarmedUp' });

function reading(maxReportsPerSecond = 3) {
  const clock = new FakeClock();
  const reports: RunnerReport[] = [];
  const problems: string[] = [];
  const reader = new ReportReader(
    {
      clock,
      listener: {
        onReport: (report) => void reports.push(report),
        onBrokenReport: (problem) => void problems.push(problem),
        onExit: () => undefined,
      },
    },
    { bounds: { ...defaultRunnerBounds, maxReportsPerSecond } },
  );
  return { reader, clock, reports, problems };
}

describe('what a runner says', () => {
  it('given reports, each is told as the contract has it', () => {
    const { reader, reports, problems } = reading();
    expect(reader.take(JSON.stringify({ type: 'Hello', protocol: 1, pid: 7 }))).toBe(true);
    expect(reader.take(warmedUp)).toBe(true);
    expect(reports).toEqual([{ type: 'Hello', protocol: 1, pid: 7 }, { type: 'WarmedUp' }]);
    expect(problems).toEqual([]);
  });

  it.each([
    ['no JSON', 'Segmentation fault', '"Segmentation fault"'],
    ['an empty text', '', '""'],
    ['JSON that is no report', '{"type":"Shout"}', 'type'],
    ['a report with a value of the wrong kind', '{"type":"Hello","protocol":1,"pid":"x"}', 'pid'],
    ['a report with more than it has', '{"type":"WarmedUp","extra":1}', 'extra'],
  ])(
    'given %s, the conversation ends with the reason, once, and what follows is dropped',
    (_name, text, why) => {
      const { reader, reports, problems } = reading();
      expect(reader.take(text)).toBe(false);
      expect(reader.take(warmedUp)).toBe(false);
      expect(reader.take(text)).toBe(false);
      expect([reader.broken, reports, problems]).toEqual([true, [], [expect.stringContaining(why)]]);
    },
  );

  it('given a long text that is no report, only its beginning is repeated', () => {
    const { reader, problems } = reading();
    reader.take('x'.repeat(1_000_000));
    expect(problems[0]?.length).toBeLessThan(400);
  });

  it('given as many reports as a second may have, each second anew, all are told', async () => {
    const { reader, clock, reports, problems } = reading(3);
    for (let second = 0; second < 3; second += 1) {
      for (let count = 0; count < 3; count += 1) reader.take(warmedUp);
      await clock.advance(SECOND);
    }
    expect([reports.length, problems]).toEqual([9, []]);
  });

  it('given one more than that, it is a flood: neither it nor what follows is told', async () => {
    const { reader, clock, reports, problems } = reading(3);
    for (let count = 0; count < 5; count += 1) reader.take(warmedUp);
    await clock.advance(SECOND);
    reader.take(warmedUp);
    expect([reports.length, problems]).toEqual([3, ['more than 3 reports in a second']]);
  });

  it('given it is broken from outside, that reason is told and no other', () => {
    const { reader, reports, problems } = reading();
    reader.break('a report that does not end');
    reader.break('again');
    reader.take(warmedUp);
    expect([reports, problems]).toEqual([[], ['a report that does not end']]);
  });
});
