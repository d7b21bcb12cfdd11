import { readFileSync } from 'node:fs';
import { parseInvocation } from './arguments.ts';
import { NodeClient } from './client.ts';
import { chat } from './command/chat.ts';
import { doctor } from './command/doctor.ts';
import { instances, place, stop } from './command/instance.ts';
import { join } from './command/join.ts';
import { leave } from './command/leave.ts';
import { askAbout, create, list, update } from './command/meta-instance.ts';
import { nodes } from './command/nodes.ts';
import { pair } from './command/pair.ts';
import { preview } from './command/preview.ts';
import { remove } from './command/remove.ts';
import { simulateCommand } from './command/simulate.ts';
import { status } from './command/status.ts';
import { cancel, tasks } from './command/task.ts';
import { CliError, exitCodes, type ExitCode } from './exit.ts';
import { commandHelp, generalHelp } from './help.ts';
import type { Invocation } from './invocation.ts';
import { processIo, type Io } from './io.ts';
import type { Session } from './session.ts';
import { printable, styleFor } from './terminal.ts';

/**
 * Runs one command of `skein` other than `serve`. Results go to stdout, words for people to stderr.
 * @param argv without the program's name
 * @returns what the process is to exit with
 */
export async function runCli(argv: readonly string[], io: Io = processIo): Promise<ExitCode> {
  const interrupt = new AbortController();
  const release = io.onInterrupt(() => interrupt.abort());
  // `skein ls | head` closes our stdout early, perhaps after we are done: that is no failure.
  const onClosed = (error: NodeJS.ErrnoException): void => {
    if (error.code === 'EPIPE') interrupt.abort();
    else throw error;
  };
  io.stdout.on('error', onClosed);
  try {
    return await dispatch(parseInvocation(argv, io.env), io, interrupt.signal);
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    if (error.exitCode !== exitCodes.interrupted) {
      const style = styleFor(io.stderr, io.env);
      io.stderr.write(`${style.red('skein:')} ${printable(error.message)}\n`);
    }
    return error.exitCode;
  } finally {
    release();
  }
}

async function dispatch(asked: Invocation, io: Io, signal: AbortSignal): Promise<ExitCode> {
  if (asked.type === 'help') {
    io.stdout.write(asked.of === null ? generalHelp : commandHelp[asked.of]);
    return exitCodes.ok;
  }
  if (asked.type === 'version') {
    io.stdout.write(`${version()}\n`);
    return exitCodes.ok;
  }
  if (asked.type === 'simulate') return simulateCommand(asked, io, signal);
  const session: Session = { client: new NodeClient(asked), io, signal };
  switch (asked.type) {
    case 'create':
      return create(session, asked);
    case 'update':
      return update(session, asked);
    case 'preview':
      return preview(session, asked);
    case 'place':
      return place(session, asked);
    case 'instances':
      return instances(session, asked);
    case 'stop':
      return stop(session, asked);
    case 'tasks':
      return tasks(session, asked);
    case 'cancel':
      return cancel(session, asked);
    case 'ls':
      return list(session, asked);
    case 'rm':
    case 'retry':
    case 'pause':
    case 'resume':
      return askAbout(session, asked);
    case 'chat':
      return chat(session, asked);
    case 'status':
      return status(session, asked);
    case 'nodes':
      return nodes(session, asked);
    case 'pair':
      return pair(session, asked);
    case 'join':
      return join(session, asked);
    case 'leave':
      return leave(session, asked);
    case 'remove':
      return remove(session, asked);
    case 'doctor':
      return doctor(session, asked);
  }
}

function version(): string {
  const file = new URL('../../package.json', import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}
