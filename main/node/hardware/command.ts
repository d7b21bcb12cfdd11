import { execFile } from 'node:child_process';

/**
 * Runs a short system program and returns what it prints. The process is killed after `timeoutMs`.
 * Rejects when there is no such program, when it fails, or when it takes too long.
 */
export function runCommand(file: string, args: readonly string[], timeoutMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const limits = { timeout: timeoutMs, killSignal: 'SIGKILL', maxBuffer: 1024 * 1024 } as const;
    const child = execFile(file, args, { ...limits, encoding: 'utf8' }, (error, output) => {
      if (error === null) resolve(output);
      else if (error.killed) reject(new Error(`${file} did not answer within ${timeoutMs} ms`));
      else reject(new Error(`${file} failed: ${error.message.trim()}`));
    });
    child.stdin?.end();
  });
}
