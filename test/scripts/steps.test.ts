import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { SetUpFailure } from '../../scripts/setup/failure.mjs';
import { checkout, placesIn, type Places } from '../../scripts/setup/paths.mjs';
import { makeReport } from '../../scripts/setup/report.mjs';
import { bringUp, type Step } from '../../scripts/setup/set-up.mjs';
import { readIfThere, startNode, temporaryFolder, until } from './support/checkout.ts';

interface Bench {
  readonly places: Places;
  readonly ran: string[];
  readonly said: string[];
  readonly inputs: Record<string, string>;
  readonly step: (name: string, run?: () => void) => Step;
  readonly bringUp: (steps: Step[]) => Promise<void>;
}

function bench(): Bench {
  const places = placesIn(temporaryFolder());
  const ran: string[] = [];
  const said: string[] = [];
  const inputs: Record<string, string> = {};
  const report = makeReport({ write: (text: string) => said.push(text) });
  return {
    places,
    ran,
    said,
    inputs,
    step: (name, run) => ({
      name,
      title: name,
      needs: [],
      diskBytes: 0,
      inputs: () => [inputs[name] ?? 'first'],
      outputs: () => [path.join(places.root, `${name}.out`)],
      run: async () => {
        ran.push(name);
        run?.();
        writeFileSync(path.join(places.root, `${name}.out`), name);
        return `made ${name}`;
      },
    }),
    bringUp: (steps) => bringUp(places, steps, report),
  };
}

describe('set-up', () => {
  test('given nothing, every step runs once, in order, each with a line; run again, none', async () => {
    const { step, ran, said, ...rest } = bench();
    const steps = [step('one'), step('two')];
    await rest.bringUp(steps);
    expect(ran).toEqual(['one', 'two']);
    expect(said.filter((line) => line.includes('✓')).map((line) => line.replace(/\d+ ms/, 'time'))).toEqual([
      '  ✓ one, made one, time\n',
      '  ✓ two, made two, time\n',
    ]);
    const lines = said.length;
    await rest.bringUp(steps);
    expect({ ran, lines: said.length, lock: existsSync(rest.places.lock) }).toEqual({
      ran: ['one', 'two'],
      lines,
      lock: false,
    });
  });

  test('given an input that changed, only its step runs again', async () => {
    const { step, ran, inputs, ...rest } = bench();
    const steps = [step('one'), step('two')];
    await rest.bringUp(steps);
    inputs['two'] = 'second';
    await rest.bringUp(steps);
    expect(ran).toEqual(['one', 'two', 'two']);
  });

  test('given an output that somebody deleted, its step runs again', async () => {
    const { step, ran, places, ...rest } = bench();
    const steps = [step('one'), step('two')];
    await rest.bringUp(steps);
    rmSync(path.join(places.root, 'one.out'));
    await rest.bringUp(steps);
    expect(ran).toEqual(['one', 'two', 'one']);
  });

  test('given an input that changes while its step runs, the result is not taken for done', async () => {
    const { step, ran, inputs, ...rest } = bench();
    const steps = [
      step('one', () => {
        inputs['one'] = 'edited meanwhile';
      }),
    ];
    await rest.bringUp(steps);
    await rest.bringUp(steps);
    await rest.bringUp(steps);
    expect(ran).toEqual(['one', 'one']);
  });

  test('given a step that fails, later ones do not run, and the next set-up goes on from it', async () => {
    const { step, ran, ...rest } = bench();
    let broken = true;
    const steps = [
      step('one'),
      step('two', () => {
        if (broken) throw new SetUpFailure('no network', 'Connect.');
      }),
      step('three'),
    ];
    await expect(rest.bringUp(steps)).rejects.toThrow('no network');
    expect(existsSync(rest.places.lock)).toBe(false);
    broken = false;
    await rest.bringUp(steps);
    expect(ran).toEqual(['one', 'two', 'two', 'three']);
  });

  test('given a redone step that fails, its old stamp is gone: a half-made result is never taken for done', async () => {
    const { step, ran, inputs, ...rest } = bench();
    let broken = false;
    const steps = [
      step('one', () => {
        if (broken) throw new Error('half made');
      }),
    ];
    await rest.bringUp(steps);
    inputs['one'] = 'second';
    broken = true;
    await expect(rest.bringUp(steps)).rejects.toThrow('half made');
    inputs['one'] = 'first';
    broken = false;
    await rest.bringUp(steps);
    expect(ran).toEqual(['one', 'one', 'one']);
  });

  test('given a set-up that was killed in a step, the next one takes its lock, sweeps and redoes the step', async () => {
    const { places, ran, step, ...rest } = bench();
    const leftover = path.join(places.wheels, '.partial-abc');
    mkdirSync(leftover, { recursive: true });
    const killed = startNode(['--input-type=module', '-e', HANGS_IN_SECOND_STEP, places.root], {
      cwd: places.root,
    });
    await until(
      () => readIfThere(path.join(places.root, 'two.out')) === 'half',
      'the second step is at work',
    );
    killed.child.kill('SIGKILL');
    await killed.finished;
    expect(existsSync(places.lock)).toBe(true);

    await rest.bringUp([step('one'), step('two')]);
    expect({
      ran,
      two: readFileSync(path.join(places.root, 'two.out'), 'utf8'),
      lock: existsSync(places.lock),
      leftover: existsSync(leftover),
    }).toEqual({ ran: ['two'], two: 'two', lock: false, leftover: false });
  });
});

/** As `step` above makes them, in a process of its own. */
const HANGS_IN_SECOND_STEP = `
import { writeFileSync } from 'node:fs';
import { bringUp } from ${JSON.stringify(path.join(checkout, 'scripts/setup/set-up.mjs'))};
import { placesIn } from ${JSON.stringify(path.join(checkout, 'scripts/setup/paths.mjs'))};
import { makeReport } from ${JSON.stringify(path.join(checkout, 'scripts/setup/report.mjs'))};
const root = process.argv.at(-1);
const step = (name, run) => ({
  name, title: name, needs: [], diskBytes: 0, inputs: () => ['first'], outputs: () => [root + '/' + name + '.out'], run,
});
await bringUp(placesIn(root), [
  step('one', async () => { writeFileSync(root + '/one.out', 'one'); return ''; }),
  step('two', async () => { writeFileSync(root + '/two.out', 'half'); return new Promise(() => setInterval(() => {}, 1000)); }),
], makeReport(process.stderr));
`;
