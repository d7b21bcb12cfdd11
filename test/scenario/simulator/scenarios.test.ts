import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { describeSimulation } from '../../../main/core/simulator/describe.ts';
import { parseScenario } from '../../../main/core/simulator/scenario.ts';
import { simulate } from '../../../main/core/simulator/simulate.ts';
import { expectTranscript } from '../../support/transcript.ts';

const folder = join(import.meta.dirname, '../../../resources/scenarios');
const names = readdirSync(folder).map((file) => file.replace(/\.json$/, ''));

/** Rewritten with REWRITE=1, to be reviewed as a diff. */
describe('the scenarios that ship', () => {
  test.each(names)('%s plays as its transcript says, and every rule holds', (name) => {
    const parsed = parseScenario(JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8')));
    if (!parsed.ok) throw new Error(parsed.problems.join('\n'));
    const report = simulate(parsed.scenario);
    expect(report.violations).toEqual([]);
    expect(report.restChecked).toBe(true);
    expectTranscript(join(import.meta.dirname, `${name}.txt`), describeSimulation(report));
  });
});
