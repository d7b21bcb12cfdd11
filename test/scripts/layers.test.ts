import { cpSync, mkdirSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { checkout } from '../../scripts/setup/paths.mjs';
import { runNode, temporaryFolder, writeFiles } from './support/checkout.ts';

/** Every configuration that the check reads; the same files, in a tree of our own. */
const CONFIGURATION = [
  ...['tsconfig.json', 'tsconfig.base.json', '.dependency-cruiser.cjs', 'eslint.config.js', 'package.json'],
  ...['main', 'main/core', 'main/node', 'main/electron', 'main/runner', 'main/cli'].map(
    (room) => `${room}/tsconfig.json`,
  ),
  ...['renderer', 'preload', 'native', 'scripts', 'test', 'test/browser', 'test/electron'].map(
    (room) => `${room}/tsconfig.json`,
  ),
];

/** A small house that breaks no rule. */
const CLEAN = {
  'main/core/id.ts': `import { z } from 'zod';\nexport const Id = z.string();\n`,
  'main/node/node.ts': `import { Id } from '../core/id.ts';\nexport const here = Id.parse('n').length;\n`,
  'main/node/clock.ts': `export const now = (): number => Date.now();\nimport './node.ts';\n`,
  'main/cli/cli.ts': `import { Id } from '../core/id.ts';\nexport const parse = (text: string): string => Id.parse(text);\n`,
  'main/headless.ts': `import { parse } from './cli/cli.ts';\nimport { now } from './node/clock.ts';\nparse(String(now()));\n`,
  'main/electron/shell.ts': `import { app } from 'electron';\nimport { now } from '../node/clock.ts';\nexport const start = (): string => app.name + String(now());\n`,
  'main/index.ts': `import { start } from './electron/shell.ts';\nstart();\n`,
  'preload/index.ts': `import { contextBridge } from 'electron';\ncontextBridge.exposeInMainWorld('skein', {});\n`,
  'test/electron/app.test.ts': `import '../support.ts';\nexport const title = () => document.title;\n`,
  'native/index.ts': `export const load = (): number => 1;\n`,
  'main/runner/main.ts': `import { Id } from '../core/id.ts';\nimport { load } from '../../native/index.ts';\nId.parse(String(load()));\n`,
  'scripts/tool.mjs': `import path from 'node:path';\nexport const separator = path.sep;\n`,
  'renderer/main.tsx': `import { Id } from '../main/core/id.ts';\nexport const App = () => <p>{Id.parse('n')}</p>;\n`,
  'test/browser/page.test.ts': `import '../support.ts';\nexport const title = () => document.title;\n`,
  'test/support.ts': `import '../main/core/id.ts';\n`,
};

const TOOLS = {
  tsc: ['typescript/bin/tsc', '-b', '--pretty', 'false'],
  cruiser: [
    'dependency-cruiser/bin/dependency-cruiser.mjs',
    'main',
    'renderer',
    'preload',
    'native',
    'scripts',
    'test',
  ],
  eslint: ['eslint/bin/eslint.js', '.'],
};

describe('the rules of the house', { timeout: 120_000 }, () => {
  let root: string;

  beforeEach(() => {
    root = temporaryFolder();
    for (const name of CONFIGURATION) {
      mkdirSync(path.dirname(path.join(root, name)), { recursive: true });
      cpSync(path.join(checkout, name), path.join(root, name));
    }
    symlinkSync(path.join(checkout, 'node_modules'), path.join(root, 'node_modules'));
    writeFiles(root, CLEAN);
  });

  async function run(tool: keyof typeof TOOLS): Promise<{ code: number | null; output: string }> {
    const [program = '', ...args] = TOOLS[tool];
    const { code, stdout, stderr } = await runNode([path.join('node_modules', program), ...args], {
      cwd: root,
    });
    return { code, output: stdout + stderr };
  }

  test('given a clean house, every tool passes', async () => {
    const results = { tsc: await run('tsc'), cruiser: await run('cruiser'), eslint: await run('eslint') };
    expect(Object.values(results).map(({ code, output }) => (code === 0 ? 'passes' : output))).toEqual([
      'passes',
      'passes',
      'passes',
    ]);
  });

  test('given a house that breaks the rules, the compiler names each', async () => {
    writeFiles(root, {
      'main/core/globals.ts': `export const pid = process.pid;\nsetTimeout(() => pid, 1);\n`,
      'main/core/files.ts': `import fs from 'node:fs';\nexport const read = fs.readFileSync;\n`,
      'main/core/upward.ts': `import { here } from '../node/node.ts';\nexport const there = here;\n`,
      'main/runner/sideways.ts': `import { here } from '../node/node.ts';\nexport const there = here;\n`,
      'main/node/index-access.ts': `export const first = (all: string[]): string => all[0];\n`,
      'main/node/enumeration.ts': `export enum Colour {\n  Red,\n}\n`,
    });
    const { code, output } = await run('tsc');
    const named = [...output.matchAll(/^(\S+?)\(\d+,\d+\): error (TS\d+)/gm)].map(
      ([, file, error]) => `${file} ${error}`,
    );
    expect(code).not.toBe(0);
    expect(new Set(named)).toEqual(
      new Set([
        'main/core/globals.ts TS2591',
        'main/core/globals.ts TS2304',
        'main/core/files.ts TS2591',
        'main/core/upward.ts TS6059',
        'main/core/upward.ts TS6307',
        'main/runner/sideways.ts TS6059',
        'main/runner/sideways.ts TS6307',
        'main/node/index-access.ts TS2322',
        'main/node/enumeration.ts TS1294',
      ]),
    );
  });

  test('given a house that breaks the rules, the cruiser names each', async () => {
    writeFiles(root, {
      'main/core/files.ts': `import fs from 'node:fs';\nexport const read = fs.readFileSync;\n`,
      'main/core/upward.ts': `import type { here } from '../node/node.ts';\nexport type There = typeof here;\n`,
      'main/core/electron.ts': `import type { App } from 'electron';\nexport type There = App;\n`,
      'main/node/to-addon.ts': `import { load } from '../../native/index.ts';\nexport const loaded = load();\n`,
      'main/runner/to-node.ts': `import { here } from '../node/node.ts';\nexport const there = here;\n`,
      'main/cli/to-node.ts': `import { here } from '../node/node.ts';\nexport const there = here;\n`,
      'main/node/to-test.ts': `import '../../test/support.ts';\n`,
      'main/node/tick.ts': `import './tock.ts';\n`,
      'main/node/tock.ts': `import './tick.ts';\n`,
      'main/node/to-tool.ts': `import 'vitest';\n`,
      'main/node/left-over.ts': `export const alone = 1;\n`,
      'preload/to-package.ts': `import 'zod';\n`,
      'preload/to-node.ts': `import { here } from '../main/node/node.ts';\nexport const there = here;\n`,
      'renderer/to-electron.ts': `import { ipcRenderer } from 'electron';\nexport const port = ipcRenderer;\n`,
      'main/electron/to-runner.ts': `import '../runner/main.ts';\n`,
      'native/to-core.ts': `import '../main/core/id.ts';\n`,
      'scripts/to-package.mjs': `import 'zod';\n`,
      'main/headless.ts': `${CLEAN['main/headless.ts']}import './runner/main.ts';\nimport './node/shell.ts';\n`,
      'main/node/shell.ts': `import 'electron';\n`,
    });
    const { code, output } = await run('cruiser');
    const named = [...output.matchAll(/^ {2}error ([a-z-]+): (\S+)/gm)].map(
      ([, rule, file]) => `${rule} ${file}`,
    );
    expect(code).not.toBe(0);
    expect(named).toEqual(
      expect.arrayContaining([
        'core-is-pure main/core/files.ts',
        'layer-core main/core/upward.ts',
        'core-is-pure main/core/electron.ts',
        'layer-node main/node/to-addon.ts',
        'layer-runner main/runner/to-node.ts',
        'layer-cli main/cli/to-node.ts',
        'layer-node main/node/to-test.ts',
        'no-cycle main/node/tick.ts',
        'product-uses-no-dev-package main/node/to-tool.ts',
        'no-orphan main/node/left-over.ts',
        'no-dead-module main/node/left-over.ts',
        'layer-preload preload/to-node.ts',
        'preload-loads-electron-alone preload/to-package.ts',
        'only-the-shell-knows-electron renderer/to-electron.ts',
        'only-the-shell-knows-electron main/node/shell.ts',
        'layer-electron main/electron/to-runner.ts',
        'layer-native native/to-core.ts',
        'scripts-need-no-packages scripts/to-package.mjs',
        'layer-entry main/headless.ts',
        'headless-never-reaches-electron main/headless.ts',
      ]),
    );
  });

  test('given a house that breaks the rules, the linter names each', async () => {
    writeFiles(root, {
      'main/core/impure.ts': [
        'export const moment = Date.now();',
        'export const day = new Date();',
        'export const chance = Math.random();',
        '',
      ].join('\n'),
      'main/node/own-clock.ts': `export const moment = Date.now();\n`,
      'main/runner/loader.ts': `import { createRequire } from 'node:module';\nexport const load = createRequire('/');\n`,
      'main/node/floating.ts': `export function go(work: () => Promise<void>): void {\n  work();\n}\n`,
      'main/electron/door.ts': `import { ipcMain } from 'electron';\nipcMain.removeAllListeners();\n`,
      'main/node/untyped.ts': `export const anything = (value: any): unknown => value;\n`,
      'main/node/switch.ts': [
        `export function name(kind: 'a' | 'b'): string | undefined {`,
        `  switch (kind) {`,
        `    case 'a':`,
        `      return 'first';`,
        `  }`,
        `  return undefined;`,
        `}`,
        ``,
      ].join('\n'),
      'main/node/long.ts': Array.from(
        { length: 401 },
        (_, line) => `export const line${line} = ${line};\n`,
      ).join(''),
    });
    const { code, output } = await run('eslint');
    const named = output.split(/^(?=\S.*\.ts$)/m).flatMap((part) => {
      const file = path.relative(root, part.split('\n')[0] ?? '');
      return [...part.matchAll(/ {2}([@a-z/-]+)$/gm)].map(([, rule]) => `${file} ${rule}`);
    });
    expect(code).toBe(1);
    expect(named.sort()).toEqual([
      'main/core/impure.ts no-restricted-syntax',
      'main/core/impure.ts no-restricted-syntax',
      'main/core/impure.ts no-restricted-syntax',
      'main/electron/door.ts no-restricted-imports',
      'main/node/floating.ts @typescript-eslint/no-floating-promises',
      'main/node/long.ts max-lines',
      'main/node/own-clock.ts no-restricted-syntax',
      'main/node/switch.ts @typescript-eslint/switch-exhaustiveness-check',
      'main/node/untyped.ts @typescript-eslint/no-explicit-any',
      'main/runner/loader.ts no-restricted-syntax',
    ]);
  });
});
