import { spawn, type ChildProcess } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { checkout } from '../../../scripts/setup/paths.mjs';

export interface Finished {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A folder that lives as long as the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'skein-scripts-'));
  onTestFinished(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

/** A checkout with the real scripts and nothing set up. `files` are written over it, by relative path. */
export function bareCheckout(files: Readonly<Record<string, string>> = {}): string {
  const root = temporaryFolder();
  cpSync(path.join(checkout, 'scripts'), path.join(root, 'scripts'), { recursive: true });
  for (const name of ['package.json', 'package-lock.json']) {
    cpSync(path.join(checkout, name), path.join(root, name));
  }
  writeFiles(root, files);
  return root;
}

export function writeFiles(root: string, files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(root, name)), { recursive: true });
    writeFileSync(path.join(root, name), text);
  }
}

/** Makes a bare checkout look set up to the launchers: this process's Node stands for Node 24. */
export function pretendSetUp(root: string): void {
  mkdirSync(path.join(root, 'node_modules', 'node', 'bin'), { recursive: true });
  symlinkSync(process.execPath, path.join(root, 'node_modules', 'node', 'bin', 'node'));
  writeFiles(root, { 'native/build/skein_engine.node': '' });
}

export function startNode(args: readonly string[], options: { cwd: string; env?: NodeJS.ProcessEnv }) {
  const child = spawn(process.execPath, args, {
    cwd: options.cwd,
    env: options.env ?? process.env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk) => (output.stdout += String(chunk)));
  child.stderr.on('data', (chunk) => (output.stderr += String(chunk)));
  const finished = new Promise<Finished>((resolve) => {
    child.on('close', (code, signal) => {
      resolve({ code, signal, ...output });
    });
  });
  return { child: child as ChildProcess, output, finished };
}

export async function runNode(args: readonly string[], options: { cwd: string; env?: NodeJS.ProcessEnv }) {
  return startNode(args, options).finished;
}

/** Resolves when `holds` does; throws after `timeoutMs`. */
export async function until(holds: () => boolean, what: string, timeoutMs = 10_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!holds()) {
    if (Date.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** The text of a file, or empty when it is not there yet. */
export function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
