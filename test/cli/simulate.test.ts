import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { fakeIo } from '../support/fake-io.ts';
import { runCli } from '../../main/cli/run.ts';

const folder = mkdtempSync(join(tmpdir(), 'skein-simulate-'));
afterAll(() => rmSync(folder, { recursive: true }));

const scenario = join(import.meta.dirname, '../../resources/scenarios/one-node.json');

async function simulate(...args: string[]): Promise<{ exit: number; out: string; err: string }> {
  const io = fakeIo();
  const exit = await runCli(['simulate', ...args], io);
  return { exit, out: io.out(), err: io.err() };
}

function written(text: string): string {
  const file = join(folder, 'scenario.json');
  writeFileSync(file, text);
  return file;
}

describe('skein simulate', () => {
  test('a file is played without a node, line by line, and its end is shown', async () => {
    const { exit, out, err } = await simulate(scenario);
    expect({ exit, err }).toEqual({ exit: 0, err: '' });
    expect(out).toContain('answers command-1: accepted');
    expect(out).toContain('Everything that must hold held.');
  });

  test('[V1] as JSON the same file and seed give the same bytes', async () => {
    const first = await simulate(scenario, '--json', '--seed', '5');
    expect(JSON.parse(first.out)).toMatchObject({ scenario: 'one-node', seed: 5, violations: [] });
    expect(await simulate(scenario, '--json', '--seed', '5')).toEqual(first);
  });

  test('random lives are counted, and one of them can be kept as a file and played from it', async () => {
    const many = await simulate('--random', '--seeds', '3..6', '--nodes', '2..3');
    expect(many.exit).toBe(0);
    expect(many.out).toMatch(/^4 seeds, 0\.\d simulated hours, \d+ × real time\n/);
    const life = ['--random', '--seed', '4', '--nodes', '2..3'];
    const file = written((await simulate(...life, '--print')).out);
    expect((await simulate(file, '--json')).out).toBe((await simulate(...life, '--json')).out);
  });

  test('the schema of a file is published', async () => {
    const { exit, out } = await simulate('--schema');
    expect(exit).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      type: 'object',
      required: ['nodes', 'models', 'steps', 'until'],
    });
  });

  test.each([
    [() => [], 'FILE (or --random, or --schema) is missing'],
    [() => [join(folder, 'none.json')], "can't be read: ENOENT"],
    [() => [written('{')], "can't be read: "],
    [() => [written('{"nodes": []}')], 'nodes: Too small'],
    [() => ['--random', '--seeds', '5..2'], '--seeds must be a number or a range A..B, but is "5..2"'],
    [() => ['--random', '--nodes', '1..99'], '--nodes must be a whole number from 1 to 16, but is "99"'],
    [() => ['--random', 'file'], 'Too many arguments for simulate: file'],
  ])('what is wrong is named, and exits with 2 (%#)', async (args, message) => {
    const { exit, err } = await simulate(...args());
    expect(exit).toBe(2);
    expect(err).toContain(message);
  });
});
