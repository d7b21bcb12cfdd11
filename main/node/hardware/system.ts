import { open, readdir, readlink } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { runCommand } from './command.ts';

/** How the computer is asked; tests answer in its place. No call waits longer than its deadline. */
export interface System {
  readonly platform: NodeJS.Platform;
  /** A program's output. Rejects when there is no such program, when it fails, or when it takes too long. */
  readonly run: (file: string, args: readonly string[], timeoutMs: number) => Promise<string>;
  /** The first 64 KiB of a file; undefined when it can't be read. */
  readonly read: (path: string) => Promise<string | undefined>;
  /** Names in a folder, sorted; none when it can't be read. */
  readonly list: (path: string) => Promise<readonly string[]>;
  /** Where a symbolic link leads; undefined when it is none. */
  readonly follow: (path: string) => Promise<string | undefined>;
  /** Addresses by interface, of those that are up. */
  readonly addresses: () => Readonly<Record<string, readonly string[]>>;
}

const LONGEST_FILE_BYTES = 64 * 1024;

export const thisSystem: System = {
  platform: process.platform,
  run: runCommand,
  read: readStart,
  list: async (path) => (await readdir(path).catch(() => [])).sort(),
  follow: (path) => readlink(path).catch(() => undefined),
  addresses: () =>
    Object.fromEntries(
      Object.entries(networkInterfaces()).map(([name, entries]) => [
        name,
        (entries ?? []).map(({ address }) => address),
      ]),
    ),
};

async function readStart(path: string): Promise<string | undefined> {
  const file = await open(path).catch(() => undefined);
  if (file === undefined) return undefined;
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(LONGEST_FILE_BYTES), 0, LONGEST_FILE_BYTES, 0);
    return buffer.toString('utf8', 0, bytesRead);
  } catch {
    // Some files of the kernel refuse to be read while the device is down.
    return undefined;
  } finally {
    await file.close();
  }
}

/** What a program prints, or undefined where it can't be asked. */
export function ask(
  { run }: System,
  file: string,
  args: readonly string[],
  timeoutMs: number,
): Promise<string | undefined> {
  return run(file, args, timeoutMs).catch(() => undefined);
}

/** One line for people, without control characters; undefined when nothing is left. */
export function tidy(text: string | undefined): string | undefined {
  const line = [...(text ?? '').replaceAll(/[\p{Cc}\p{Cs}]+/gu, ' ').trim()].slice(0, 100).join('');
  return line === '' ? undefined : line;
}

/** The value after `Name:` at the beginning of a line, spaces aside. */
export function valueOf(text: string | undefined, name: string): string | undefined {
  const line = text?.split('\n').find((each) => each.trimStart().startsWith(`${name}:`));
  return tidy(line?.slice(line.indexOf(':') + 1));
}
