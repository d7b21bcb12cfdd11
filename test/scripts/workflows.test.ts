import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkout } from '../../scripts/setup/paths.mjs';

const folder = join(checkout, '.github', 'workflows');
const workflows = readdirSync(folder).map((name) => ({
  name,
  text: readFileSync(join(folder, name), 'utf8'),
}));
const { scripts } = JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8')) as {
  scripts: Record<string, string>;
};

/** What a pattern's first group finds, each once. */
const found = (text: string, pattern: RegExp): string[] => [
  ...new Set([...text.matchAll(pattern)].map(([, group = '']) => group)),
];

describe.each(workflows)('the workflow $name', ({ text }) => {
  it('names only scripts that package.json has', () => {
    const named = found(text, /\bnpm (?:run )?([a-z][\w:-]*)/g);
    expect(named.filter((name) => scripts[name] === undefined)).toEqual([]);
  });

  it('runs only files that are there', () => {
    const files = [...found(text, /\bnode (\S+\.mjs)/g), ...found(text, /run: (\.ci\/\S+)/g)];
    expect(files.filter((file) => !existsSync(join(checkout, file)))).toEqual([]);
  });

  it('pins each action to one release', () => {
    const actions = found(text, /uses: (\S+)/g);
    expect(actions.length).toBeGreaterThan(0);
    expect(actions.filter((action) => !/@(v\d+\.\d+\.\d+|[0-9a-f]{40})$/.test(action))).toEqual([]);
  });

  it('may only read the repository, and has a deadline', () => {
    expect(text).toMatch(/^permissions:\n {2}contents: read$/m);
    expect(text).toMatch(/^ {4}timeout-minutes: \d+$/m);
  });

  it('given a secret, no command line holds it', () => {
    const lines = text.split('\n').filter((line) => line.includes('secrets.'));
    expect(lines.filter((line) => !/^ {10}[A-Z_]+: \$\{\{ secrets\.[A-Z_]+ \}\}$/.test(line))).toEqual([]);
  });
});
