import { createInterface } from 'node:readline';
import { CliError, exitCodes, type ExitCode } from '../exit.ts';
import type { Message, Said, Session } from '../session.ts';
import { printable, styleFor } from '../terminal.ts';

const PROMPT = '> ';
const MAX_WAITING = 1_000;

/**
 * Asks and answers until Ctrl-D, `/quit`, or Ctrl-C on an empty line. Ctrl-C during an answer ends only that;
 * what was said of it stays part of the conversation. Lines typed meanwhile are the next questions.
 */
export async function converse(
  { io, signal }: Session,
  {
    model,
    first,
    answer,
  }: {
    readonly model: string;
    readonly first: readonly Message[];
    readonly answer: (messages: readonly Message[], signal: AbortSignal) => Promise<Said>;
  },
): Promise<ExitCode> {
  const style = styleFor(io.stderr, io.env);
  io.stderr.write(style.dim(`Talking to ${printable(model)}. /clear forgets, /quit or Ctrl-D ends.\n`));
  const terminal = createInterface({ input: io.stdin, output: io.stdout, terminal: true, prompt: PROMPT });
  const lines: string[] = [];
  let answering: AbortController | null = null;
  let exit: ExitCode | null = null;
  let wake = (): void => {};
  terminal.on('line', (line) => {
    if (lines.length < MAX_WAITING) lines.push(line);
    wake();
  });
  terminal.on('close', () => {
    exit ??= exitCodes.ok;
    answering?.abort();
    wake();
  });
  const interrupt = (): void => {
    if (answering !== null) {
      answering.abort();
    } else if (terminal.line === '') {
      exit = exitCodes.interrupted;
      terminal.close();
    } else {
      io.stdout.write('\n');
      terminal.write(null, { ctrl: true, name: 'u' });
      terminal.prompt();
    }
  };
  terminal.on('SIGINT', interrupt);
  signal.addEventListener('abort', interrupt);

  let messages: Message[] = [...first];
  for (;;) {
    let line = lines.shift();
    if (line === undefined && exit === null) {
      terminal.prompt();
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
      line = lines.shift();
    }
    const words = line?.trim() ?? '';
    if (line === undefined || words === '/quit') break;
    if (words === '/clear') messages = [...first];
    if (words === '' || words === '/clear') continue;

    messages.push({ role: 'user', content: line });
    answering = new AbortController();
    try {
      const { text, cancelled } = await answer(messages, answering.signal);
      messages.push({ role: 'assistant', content: text });
      if (cancelled) io.stderr.write(`${style.dim('(cancelled)')}\n`);
    } catch (error) {
      if (!(error instanceof CliError)) throw error;
      messages.pop();
      io.stderr.write(`${printable(error.message)}\n`);
    }
    answering = null;
  }
  signal.removeEventListener('abort', interrupt);
  terminal.close();
  return exit ?? exitCodes.ok;
}
