import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { EngineResult, type EngineJob } from './engine-job.ts';
import { atExit } from './cleanup.ts';
import { places } from './places.ts';

const PROCESS_TIMEOUT_MS = 10 * 60_000;

export type EngineName = 'skein' | 'llama';

/** Lets a process of its own measure an engine; rejects with what it printed when it fails. */
export function measureEngine(
  engine: EngineName,
  job: EngineJob,
  environment: Readonly<Record<string, string>> = {},
): Promise<EngineResult> {
  const entry = fileURLToPath(new URL(`engine-${engine}.ts`, import.meta.url));
  return new Promise((resolve, reject) => {
    const child = spawn(
      places.node24,
      ['--disable-warning=ExperimentalWarning', entry, JSON.stringify(job)],
      {
        cwd: places.root,
        stdio: ['ignore', 'pipe', 'pipe'],
        env: { ...process.env, ...environment },
        timeout: PROCESS_TIMEOUT_MS,
        killSignal: 'SIGKILL',
      },
    );
    const forget = atExit(() => child.kill('SIGKILL'));
    let output = '';
    let problems = '';
    child.stdout.on('data', (text: Buffer) => (output += text.toString()));
    child.stderr.on('data', (text: Buffer) => (problems = (problems + text.toString()).slice(-4_000)));
    child.on('error', reject);
    child.on('close', (code, signal) => {
      forget();
      if (code === 0) resolve(EngineResult.parse(JSON.parse(output.trim().split('\n').at(-1) ?? '')));
      else reject(new Error(`measuring ${engine} ended with ${signal ?? `code ${code}`}: ${problems}`));
    });
  });
}
