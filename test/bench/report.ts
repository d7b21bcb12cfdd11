import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { isReached, type Aim, type Figure, type Unit } from './figure.ts';
import { whyNotQuiet, type Load, type Machine } from './machine.ts';
import { unreachable } from '../../main/core/result.ts';

export interface BenchReport {
  /** ISO 8601, when the bench began. */
  readonly startedAt: string;
  readonly machine: Machine;
  readonly loadAfter: Load;
  readonly runs: number;
  readonly figures: readonly Figure[];
}

/** Everything, samples included, to three decimals; makes missing folders. */
export function writeReport(path: string, report: BenchReport): void {
  const figures = report.figures.map((figure) => ({ ...figure, reached: isReached(figure) ?? null }));
  const rounded = (_key: string, value: unknown): unknown =>
    typeof value === 'number' ? Math.round(value * 1000) / 1000 : value;
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${JSON.stringify({ ...report, figures }, rounded, 2)}\n`);
}

export function formatMachine(machine: Machine): string {
  const { cpu, cores, memoryBytes, system, node, commit, load } = machine;
  const lines = [
    `${cpu}, ${cores} cores, ${Math.round(memoryBytes / 2 ** 30)} GiB; ${system}; Node ${node}; commit ${commit ?? 'unknown'}`,
    `load average ${load.average.toFixed(2)}, ${Math.round(load.busyShare * 100)} % busy before the bench`,
  ];
  const problem = whyNotQuiet(machine);
  return [...lines, ...(problem === undefined ? [] : [`! ${problem}`])].join('\n');
}

/** A line for each figure: value, spread of its samples, aim and whether it was reached. */
export function formatFigures(figures: readonly Figure[]): string {
  const rows = figures.map((figure) => [
    figure.name,
    `${round(figure.value, figure.unit)} ${figure.unit}`,
    spread(figure),
    figure.aim === undefined ? '' : formatAim(figure.aim),
    { true: 'reached', false: 'MISSED', undefined: '' }[String(isReached(figure)) as 'true'],
    figure.note ?? '',
  ]);
  const widths = ['', '', '', '', '', ''].map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? '').length)),
  );
  const rightAligned = [1, 2];
  return rows
    .map((row) =>
      row
        .map((cell, column) => {
          const width = widths[column] ?? 0;
          return rightAligned.includes(column) ? cell.padStart(width) : cell.padEnd(width);
        })
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function spread({ samples, unit }: Figure): string {
  if (samples.length < 2) return '';
  return `${round(Math.min(...samples), unit)} … ${round(Math.max(...samples), unit)}`;
}

function formatAim(aim: Aim): string {
  switch (aim.type) {
    case 'Below':
      return `aim < ${aim.limit}`;
    case 'AtLeast':
      return `aim ≥ ${aim.limit}`;
    default:
      return unreachable(aim);
  }
}

function round(value: number, unit: Unit): string {
  switch (unit) {
    case 'ms':
      return value.toFixed(value < 10 ? 3 : 0);
    case 'tok/s':
    case 'MB':
      return value.toFixed(1);
    case '×':
    case '%':
      return value.toFixed(2);
    case '/s':
    case 'times':
      return value.toFixed(0);
    default:
      return unreachable(unit);
  }
}
