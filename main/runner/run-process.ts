import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Runner } from './run.ts';
import type { RunnerComponents } from './run.ts';

/** Runs a `Runner` as this process: its exit, its signals, its uncaught errors. */
export function runProcess(components: Pick<RunnerComponents, 'port' | 'openEngine' | 'openText'>): void {
  // Before the runner says hello: from then on it may be told to end.
  process.on('SIGTERM', () => runner.shutdown());
  // Ctrl-C reaches the whole terminal; the node decides what becomes of its runners.
  process.on('SIGINT', () => {});
  process.on('SIGHUP', () => {});
  process.on('uncaughtException', (error) => {
    process.stderr.write(`${error.stack ?? error.message}\n`);
    runner.crash(error);
  });
  const runner = new Runner(
    {
      ...components,
      exit: (code) => process.exit(code),
      abort: () => process.kill(process.pid, 'SIGKILL'),
      collectGarbage: garbageCollector(),
      residentBytes: () => process.memoryUsage.rss(),
      nowUs: () => Number(process.hrtime.bigint() / 1000n),
    },
    { pid: process.pid },
  );
}

/** A utility process takes no flags of V8 on its command line; set later, a new context still gets the function. */
function garbageCollector(): () => void {
  const { gc } = globalThis;
  if (gc !== undefined) return () => gc();
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
}
