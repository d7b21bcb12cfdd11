import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { bundleApp } from '../../scripts/app/bundle.mjs';
import { checkout, placesIn } from '../../scripts/setup/paths.mjs';
import { processesOf } from '../support/e2e-processes.ts';
import { electronExecutable, electronFlags, engine, Screen, whyNoElectron } from '../support/electron.ts';
import { below, figureOf, type Figure } from './figure.ts';
import { readMemory } from './memory-reading.ts';
import type { BenchInit } from './places.ts';
import { withDataFolder } from './served-node.ts';

const START_MS = 60_000;
/** Caches are written and first looks taken; then it idles. */
const SETTLE_MS = 5_000;
const IDLE_MS = 10_000;
/** `sysconf(_SC_CLK_TCK)` of Linux, the same on every machine. */
const TICKS_PER_SECOND = 100;

interface Life {
  readonly windowMs: number;
  readonly idlePercent: number;
  readonly memoryMegabytes: number;
}

/** The whole app, all its processes, without a model: until its first window shows, then at rest. */
export async function benchApp({ runs, onStep }: BenchInit): Promise<readonly Figure[]> {
  if (whyNoElectron !== undefined || process.platform !== 'linux') {
    process.stderr.write(
      `The app is not measured: ${whyNoElectron ?? 'its processes are counted on Linux only'}.\n`,
    );
    return [];
  }
  const screen = new Screen();
  await screen.open();
  try {
    const places = placesIn(checkout);
    const folder = join(places.cache, 'app-bench');
    await bundleApp(places, { folder, engine, minify: true });
    const lives: Life[] = [];
    for (let run = 1; run <= runs; run += 1) {
      onStep(`the app, run ${run} of ${runs}`);
      lives.push(await withDataFolder((dataDir) => live(folder, dataDir, screen.display)));
    }
    const note = 'all processes, one window, no model; Electron 33 on Linux without a GPU';
    return [
      figureOf(
        'app: start → first window',
        'ms',
        lives.map(({ windowMs }) => windowMs),
        { aim: below(1_500) },
      ),
      figureOf(
        'app: idle CPU',
        '%',
        lives.map(({ idlePercent }) => idlePercent),
        { note },
      ),
      figureOf(
        'app: memory',
        'MB',
        lives.map(({ memoryMegabytes }) => memoryMegabytes),
        { note },
      ),
    ];
  } finally {
    await screen.close();
  }
}

async function live(folder: string, dataDir: string, display: string): Promise<Life> {
  const startedAt = performance.now();
  const app = spawn(electronExecutable, [...electronFlags, folder], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: {
      ...process.env,
      DISPLAY: display,
      TMPDIR: dataDir,
      SKEIN_DATA_DIR: join(dataDir, 'data'),
      SKEIN_PORT: '0',
      SKEIN_PEER_PORT: '0',
      SKEIN_LOG_LEVEL: 'debug',
    },
  });
  try {
    await says(app, 'The window is there');
    const windowMs = performance.now() - startedAt;
    await sleep(SETTLE_MS);
    const pids = processesOf(dataDir).map(({ pid }) => pid);
    const before = ticksOf(pids);
    await sleep(IDLE_MS);
    const idlePercent = ((ticksOf(pids) - before) / TICKS_PER_SECOND / (IDLE_MS / 1_000)) * 100;
    const bytes = pids.reduce((sum, pid) => sum + (readMemory(pid).sharedOutBytes ?? 0), 0);
    return { windowMs, idlePercent, memoryMegabytes: bytes / 1e6 };
  } finally {
    const ended = once(app, 'exit');
    app.kill('SIGTERM');
    await ended;
  }
}

function says(app: ChildProcess, words: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let text = '';
    const timer = setTimeout(
      () => reject(new Error(`the app does not come up: ${text.slice(-2_000)}`)),
      START_MS,
    );
    app.stderr?.on('data', (data: Buffer) => {
      text += data.toString();
      if (!text.includes(words)) return;
      clearTimeout(timer);
      resolve();
    });
  });
}

/** Of user and system time together; see proc_pid_stat(5), fields 14 and 15. */
function ticksOf(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /, '')
      .split(' ');
    return sum + Number(fields[11]) + Number(fields[12]);
  }, 0);
}
