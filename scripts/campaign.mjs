import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { campaignRanks } from './campaign-ranks.mjs';
import { campaignReal } from './campaign-real.mjs';
import { setUpOrExit } from './setup/set-up.mjs';

// `npm run campaign -- --seeds N | A..B [--nodes A..B]`: random lives of simulated clusters on all processors.

/** Seeds that one process plays before it reports. */
const SEEDS_AT_ONCE = 250;

/** @typedef {{seed: number, rule: string, message: string, replay: string}} Violation */
/** @typedef {{seeds: number, simulatedMs: number, counts: Record<string, number>, violations: Violation[]}} Summary */

const places = await setUpOrExit();
const args = process.argv.slice(2);
if (args.includes('--real')) process.exit(await campaignReal(places, args));
if (args.includes('--ranks')) process.exit(await campaignRanks(places, args));
const { first, last } = rangeOf(valueOf('--seeds') ?? '2000');
const nodes = valueOf('--nodes') ?? '2..5';

/** @type {[number, number][]} */
const chunks = [];
for (let from = first; from <= last; from += SEEDS_AT_ONCE) {
  chunks.push([from, Math.min(last, from + SEEDS_AT_ONCE - 1)]);
}
const startedAt = performance.now();
/** @type {Summary} */
const total = { seeds: 0, simulatedMs: 0, counts: {}, violations: [] };
let failed = false;
await Promise.all(Array.from({ length: Math.min(chunks.length, availableParallelism()) }, work));
report();
process.exitCode = failed || total.violations.length > 0 ? 1 : 0;

async function work() {
  for (let chunk = chunks.shift(); chunk !== undefined && !failed; chunk = chunks.shift()) {
    const summary = await play(chunk);
    if (summary === undefined) return;
    total.seeds += summary.seeds;
    total.simulatedMs += summary.simulatedMs;
    total.violations.push(...summary.violations);
    for (const [kind, count] of Object.entries(summary.counts)) {
      total.counts[kind] = (total.counts[kind] ?? 0) + count;
    }
    process.stderr.write(`${total.seeds} seeds, ${total.violations.length} violations\n`);
    for (const { rule, message, replay } of summary.violations) {
      process.stderr.write(`  ${rule}: ${message}\n    ${replay}\n`);
    }
  }
}

/**
 * @param {[number, number]} chunk
 * @returns {Promise<Summary | undefined>}
 */
function play([from, to]) {
  const asked = ['simulate', '--random', '--seeds', `${from}..${to}`, '--nodes', nodes, '--json'];
  const child = spawn(places.node24, ['main/headless.ts', ...asked], {
    cwd: places.root,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NODE_OPTIONS: '--disable-warning=ExperimentalWarning' },
  });
  let output = '';
  child.stdout.on('data', (data) => (output += String(data)));
  return new Promise((resolve) => {
    const give = (/** @type {Summary | undefined} */ summary) => {
      if (summary === undefined) failed = true;
      resolve(summary);
    };
    child.on('error', () => give(undefined));
    child.on('close', () => {
      try {
        give(/** @type {Summary} */ (JSON.parse(output)));
      } catch {
        process.stderr.write(`Seeds ${from} to ${to} gave no answer.\n`);
        give(undefined);
      }
    });
  });
}

function report() {
  const hours = total.simulatedMs / 3_600_000;
  const speed = Math.round(total.simulatedMs / (performance.now() - startedAt));
  const lines = [
    `${total.seeds} seeds, ${hours.toFixed(1)} simulated hours, ${speed} × real time`,
    ...Object.entries(total.counts)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([kind, count]) => `  ${String(count).padStart(9)}  ${kind}`),
    total.violations.length === 0
      ? 'Everything that must hold held.'
      : `${total.violations.length} rules did not hold:`,
    ...total.violations.map(({ rule, message, replay }) => `  ${rule}: ${message}\n    ${replay}`),
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}

/** @param {string} flag */
function valueOf(flag) {
  const at = args.indexOf(flag);
  return at === -1 ? undefined : args[at + 1];
}

/** @param {string} text */
function rangeOf(text) {
  const [from = '', to] = text.split('..');
  const range =
    to === undefined ? { first: 1, last: Number(from) } : { first: Number(from), last: Number(to) };
  if (Number.isSafeInteger(range.first) && range.last >= range.first) return range;
  process.stderr.write(`--seeds must be a number or a range A..B, but is ${JSON.stringify(text)}.\n`);
  process.exit(2);
}
