import { PassThrough } from 'node:stream';
import { runCli } from '../../main/cli/run.ts';
import type { Io } from '../../main/cli/io.ts';

/** A terminal or pipes in memory, and the hand on Ctrl-C. */
export interface FakeIo extends Io {
  readonly stdin: PassThrough & { isTTY?: boolean };
  readonly out: () => string;
  readonly err: () => string;
  readonly interrupt: () => void;
}

export function fakeIo(
  init: {
    readonly tty?: boolean;
    readonly columns?: number;
    readonly env?: Io['env'];
    readonly now?: number;
  } = {},
): FakeIo {
  const { tty = false, columns } = init;
  const listeners = new Set<() => void>();
  const output = (): { stream: PassThrough & { isTTY?: boolean; columns?: number }; text: () => string } => {
    let text = '';
    const stream = Object.assign(
      new PassThrough(),
      tty ? { isTTY: true } : {},
      columns === undefined ? {} : { columns },
    );
    stream.on('data', (chunk) => {
      text += String(chunk);
    });
    return { stream, text: () => text };
  };
  const stdout = output();
  const stderr = output();
  return {
    stdin: Object.assign(new PassThrough(), tty ? { isTTY: true } : {}),
    stdout: stdout.stream,
    stderr: stderr.stream,
    out: stdout.text,
    err: stderr.text,
    env: init.env ?? {},
    now: () => init.now ?? Date.now(),
    onInterrupt(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    interrupt: () => {
      for (const listener of [...listeners]) listener();
    },
  };
}

export interface Ran {
  readonly exit: number;
  readonly out: string;
  readonly err: string;
}

/** One command from its arguments to its end. @param input what is piped into it */
export async function skein(
  port: number,
  args: readonly string[],
  { io = fakeIo(), input }: { readonly io?: FakeIo; readonly input?: string } = {},
): Promise<Ran> {
  if (input !== undefined) io.stdin.end(input);
  const exit = await runCli(args, { ...io, env: { SKEIN_PORT: String(port), ...io.env } });
  return { exit, out: io.out(), err: io.err() };
}
