/** `npm run campaign -- --real`: random faults in clusters of real processes, until enough masters were killed. */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Campaign, type CampaignReport } from '../support/cluster-campaign.ts';
import type { MasterGap } from '../support/cluster-gap.ts';
import { whyNoLan } from '../support/cluster-lan.ts';
import { seeded } from '../support/e2e-until.ts';

const usage = `Usage: npm run campaign -- --real [options]

  --minutes N   the longest it goes on (60)
  --kills N     masters to be killed, then it ends (200)
  --patience N  how many times longer than on a quiet machine things may take (1)
  --seed N      chooses faults and nodes; not when what happens (of the time of day)
`;
const folder = fileURLToPath(new URL('../../.cache/campaign', import.meta.url));

process.exitCode = await main();

/** @returns the exit code: 0 when everything held, 1 when not, 2 for wrong arguments */
async function main(): Promise<number> {
  const asked = readArguments();
  if (typeof asked === 'string') {
    process.stderr.write(`${asked}\n\n${usage}`);
    return 2;
  }
  if (whyNoLan !== undefined) process.stderr.write(`No cables are pulled: ${whyNoLan}.\n`);
  const onRound = (line: string): void => void process.stderr.write(`${line}\n`);
  const campaign = new Campaign(seeded(asked.seed), { ...asked, folder, onRound });
  process.once('SIGINT', () => campaign.end());
  process.once('SIGTERM', () => campaign.end());
  const report = await campaign.run();
  process.stdout.write(`${format(report).join('\n')}\n`);
  return report.broken.length === 0 ? 0 : 1;
}

function format({ rounds, clusters, faults, gaps, answers, broken }: CampaignReport): string[] {
  const acknowledged = answers.get(200) ?? 0;
  const others = [...answers].filter(([answer]) => answer !== 200);
  const said = others.map(([answer, times]) => `${times} × ${answer}`).join(', ') || 'none';
  const lost = broken.filter(({ rule }) => rule === 'nothing acknowledged is lost').length;
  return [
    `${rounds} rounds in ${clusters} clusters; ${acknowledged} commands acknowledged, ${lost} lost; other answers: ${said}`,
    ...[...faults].map(([name, times]) => `  ${String(times).padStart(6)}  ${name}`),
    ...[...gaps].flatMap(([name, measured]) => formatGaps(name, measured)),
    broken.length === 0 ? 'Everything that must hold held.' : `${broken.length} rules did not hold:`,
    ...broken.map(({ round, rule, message }) => `  ${round}: ${rule}: ${message.split('\n')[0] ?? ''}`),
  ];
}

function formatGaps(name: string, measured: readonly MasterGap[]): string[] {
  const line = (what: string, samples: readonly number[]): string => {
    const sorted = [...samples].sort((one, other) => one - other);
    const at = (part: number): string =>
      String(Math.round(sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? 0));
    return `  ${what.padEnd(32)} p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, worst ${at(1)} ms`;
  };
  return [
    `${name}, ${measured.length} ×`,
    line(
      'until it was missed',
      measured.map(({ detectionMs }) => detectionMs),
    ),
    line(
      'until there was another',
      measured.map(({ electionMs }) => electionMs),
    ),
    line(
      'until a command was acknowledged',
      measured.flatMap(({ commandMs }) => commandMs),
    ),
  ];
}

interface Asked {
  readonly minutes: number;
  readonly kills: number;
  readonly patience: number;
  readonly seed: number;
}

function readArguments(): Asked | string {
  try {
    const { values } = parseArgs({
      options: {
        real: { type: 'boolean' },
        minutes: { type: 'string', default: '60' },
        kills: { type: 'string', default: '200' },
        patience: { type: 'string', default: '1' },
        seed: { type: 'string', default: String(Date.now() % 1_000_000) },
      },
    });
    const asked = {
      minutes: Number(values.minutes),
      kills: Number(values.kills),
      patience: Number(values.patience),
      seed: Number(values.seed),
    };
    for (const [name, value] of Object.entries(asked)) {
      if (!Number.isInteger(value) || value < 0) return `--${name} must be a whole number.`;
    }
    return asked;
  } catch (error) {
    return (error as Error).message;
  }
}
