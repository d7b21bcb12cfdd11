import { statfs } from 'node:fs/promises';
import type { NodeTelemetry } from '../../core/telemetry.ts';
import { ask, type System } from './system.ts';

export type Battery = NonNullable<NodeTelemetry['battery']>;
export type Disk = NonNullable<NodeTelemetry['disk']>;

const PMSET_TIMEOUT_MS = 5_000;
const THERMAL = '/sys/class/thermal';
const POWER = '/sys/class/power_supply';
const MOST_SENSORS = 32;

/** The disk that holds a folder. Rejects when the folder is not there. */
export async function readDisk(folder: string): Promise<Disk> {
  const { bsize, blocks, bavail } = await statfs(folder);
  return { totalBytes: blocks * bsize, availableBytes: bavail * bsize };
}

/** Degrees Celsius of the hottest zone; undefined where none can be read, as on macOS without root. */
export async function readTemperature(system: System): Promise<number | undefined> {
  if (system.platform === 'darwin') return undefined;
  const zones = (await system.list(THERMAL)).filter((name) => name.startsWith('thermal_zone'));
  const readings = await Promise.all(
    zones.slice(0, MOST_SENSORS).map((zone) => system.read(`${THERMAL}/${zone}/temp`)),
  );
  const degrees = readings.flatMap((text) =>
    text !== undefined && /^-?\d+\s*$/.test(text) ? [Number(text) / 1000] : [],
  );
  const sane = degrees.filter((each) => each > -100 && each < 1000);
  return sane.length === 0 ? undefined : Math.max(...sane);
}

/** Undefined where there is no battery. */
export async function readBattery(system: System): Promise<Battery | undefined> {
  if (system.platform === 'darwin') {
    return macBattery((await ask(system, '/usr/bin/pmset', ['-g', 'batt'], PMSET_TIMEOUT_MS)) ?? '');
  }
  for (const supply of (await system.list(POWER)).slice(0, MOST_SENSORS)) {
    const field = (name: string): Promise<string | undefined> => system.read(`${POWER}/${supply}/${name}`);
    if ((await field('type'))?.trim() !== 'Battery' || (await field('scope'))?.trim() === 'Device') continue;
    const percent = Number((await field('capacity')) ?? NaN);
    if (!(percent >= 0 && percent <= 100)) continue;
    return { percent, onBattery: (await field('status'))?.trim() === 'Discharging' };
  }
  return undefined;
}

/** Understands `pmset -g batt`. */
export function macBattery(output: string): Battery | undefined {
  const percent = Number(/InternalBattery\S*[^\n]*\t(\d+)%/.exec(output)?.[1]);
  if (!(percent >= 0 && percent <= 100)) return undefined;
  return { percent, onBattery: output.includes("'Battery Power'") };
}
