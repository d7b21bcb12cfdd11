import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { RunnerId } from '../../../main/core/id.ts';
import type { TaskEvent } from '../../../main/node/api.ts';
import { DecodeSpeed } from '../../../main/node/telemetry/decode-speed.ts';
import { silentLog, taskId } from '../../support/runner-builders.ts';

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'skein-speed-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const runner = RunnerId.parse('runner-1');
const BYTES_PER_TOKEN = 1e8;

const open = (engine = '1'): DecodeSpeed =>
  new DecodeSpeed({ log: silentLog }, { path: join(folder, 'speed.json'), engine });

const chunk = (task: string, sampledAtUs: number): TaskEvent => ({
  type: 'Chunk',
  taskId: taskId(task),
  text: 'x',
  tokens: 1,
  sampledAtUs,
});

/** `tokens` of one task, one each `everyUs`. */
function decode(speed: DecodeSpeed, tokens: number, everyUs: number, task = 'one'): void {
  for (let at = 0; at <= tokens; at += 1) speed.observe(runner, BYTES_PER_TOKEN, chunk(task, at * everyUs));
}

describe('how fast this node decodes', () => {
  test('is learnt from three stretches of one task alone: 100 tokens a second of 100 MB each', () => {
    const speed = open();
    decode(speed, 32, 10_000);
    expect(speed.bytesPerSecond).toBeUndefined();
    speed.observe(runner, BYTES_PER_TOKEN, {
      type: 'TaskEnded',
      taskId: taskId('one'),
      end: { type: 'Stop' },
      usage: { promptTokens: 1, completionTokens: 33 },
    });
    decode(speed, 64, 10_000, 'two');
    expect(speed.bytesPerSecond).toBeCloseTo(1e10, -8);
  });

  test('is kept for the next start with the same engine, and measured anew with another one', () => {
    decode(open(), 64, 10_000);
    expect(open().bytesPerSecond).toBeCloseTo(1e10, -8);
    expect(open('2').bytesPerSecond).toBeUndefined();
  });

  test('is not learnt while two tasks share the runner', () => {
    const speed = open();
    for (let at = 0; at < 200; at += 1) {
      speed.observe(runner, BYTES_PER_TOKEN, chunk(at % 2 === 0 ? 'one' : 'two', at * 10_000));
    }
    expect(speed.bytesPerSecond).toBeUndefined();
  });

  test('does not fall when the computer is busy with something else', () => {
    const speed = open();
    decode(speed, 64, 10_000);
    speed.forget(runner);
    decode(speed, 64, 50_000, 'slow');
    expect(speed.bytesPerSecond).toBeCloseTo(1e10, -8);
  });

  test.each(['', '{', '{"engine":"1"}', '[]'])('a file with %o in it is not used', (text) => {
    writeFileSync(join(folder, 'speed.json'), text);
    expect(open().bytesPerSecond).toBeUndefined();
  });
});
