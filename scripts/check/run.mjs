import { spawn } from 'node:child_process';
import { formatTime } from '../setup/report.mjs';

/** Each is a JavaScript program below node_modules, run by Node 24 in the checkout. */
const CHECKS = [
  { title: 'types', args: ['typescript/bin/tsc', '-b', '--pretty', 'false'] },
  {
    title: 'layers',
    args: [
      'dependency-cruiser/bin/dependency-cruiser.mjs',
      'main',
      'renderer',
      'preload',
      'native',
      'scripts',
      'test',
    ],
  },
  { title: 'lint', args: ['eslint/bin/eslint.js', '--max-warnings', '0', '.'] },
  { title: 'format', args: ['prettier/bin/prettier.cjs', '--check', '--log-level', 'warn', '.'] },
];

/**
 * Runs every check, also after one failed, so that all problems show at once.
 * @param {import('../setup/paths.mjs').Places} places
 * @returns {Promise<boolean>} whether all passed
 */
export async function runCheck(places) {
  /** @type {string[]} */
  const failed = [];
  for (const { title, args } of CHECKS) {
    const started = performance.now();
    const { code, output } = await run(places, args);
    const mark = code === 0 ? '✓' : '✗';
    process.stdout.write(`  ${mark} ${title}, ${formatTime(performance.now() - started)}\n`);
    if (code !== 0) {
      failed.push(title);
      process.stdout.write(`${output.trimEnd()}\n`);
    }
  }
  process.stdout.write(failed.length === 0 ? 'Check passed.\n' : `Check failed: ${failed.join(', ')}.\n`);
  return failed.length === 0;
}

/**
 * @param {import('../setup/paths.mjs').Places} places
 * @param {string[]} args
 * @returns {Promise<{code: number, output: string}>}
 */
function run(places, [program = '', ...args]) {
  return new Promise((resolve) => {
    const child = spawn(places.node24, [`${places.modules}/${program}`, ...args], {
      cwd: places.root,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 10 * 60_000,
    });
    let output = '';
    child.stdout.on('data', (chunk) => (output += String(chunk)));
    child.stderr.on('data', (chunk) => (output += String(chunk)));
    child.on('error', (error) => resolve({ code: 1, output: error.message }));
    child.on('close', (code) => resolve({ code: code ?? 1, output }));
  });
}
