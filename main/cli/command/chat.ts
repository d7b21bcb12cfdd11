import { text } from 'node:stream/consumers';
import { z } from 'zod';
import { MetaInstancesAnswer, type MetaInstanceView } from '../../core/contract/rest.ts';
import type { ChatOptions, Invocation } from '../invocation.ts';
import { chatEvents } from '../chat-stream.ts';
import { CliError, exitCodes, type ExitCode } from '../exit.ts';
import type { Message, Said, Session } from '../session.ts';
import { printable, printableJson, styleFor } from '../terminal.ts';
import { converse } from './conversation.ts';

export async function chat(
  session: Session,
  asked: Extract<Invocation, { type: 'chat' }>,
): Promise<ExitCode> {
  const { io } = session;
  const model = asked.model ?? (await onlyModel(session));
  const first: readonly Message[] =
    asked.system === undefined ? [] : [{ role: 'system', content: asked.system }];
  if (asked.prompt === undefined && io.stdin.isTTY === true && !asked.json) {
    return converse(session, {
      model,
      first,
      answer: (messages, signal) => streamAnswer({ ...session, signal }, { model, messages, asked }),
    });
  }
  const prompt = asked.prompt ?? (await text(io.stdin));
  if (prompt.trim() === '')
    throw new CliError(exitCodes.usage, 'The prompt is empty; see `skein chat --help`.');
  const messages: readonly Message[] = [...first, { role: 'user', content: prompt }];
  if (asked.json) {
    const answer = await session.client.call('/v1/chat/completions', z.unknown(), {
      body: bodyOf({ model, messages, asked, stream: false }),
      signal: session.signal,
      slow: true,
    });
    io.stdout.write(`${printableJson(answer)}\n`);
    return exitCodes.ok;
  }
  const { cancelled } = await streamAnswer(session, { model, messages, asked });
  return cancelled ? exitCodes.interrupted : exitCodes.ok;
}

interface Question {
  readonly model: string;
  readonly messages: readonly Message[];
  readonly asked: ChatOptions;
}

/**
 * Prints an answer as it comes. With a person at the terminal, stderr tells the progress before the first word
 * and the speed after the last. When the signal aborts, what was said so far is the answer.
 */
async function streamAnswer({ client, io, signal }: Session, question: Question): Promise<Said> {
  const watched = io.stderr.isTTY === true && io.stdout.isTTY === true;
  const style = styleFor(io.stderr, io.env);
  const parts: string[] = [];
  let last = '';
  let firstAt: number | null = null;
  const say = (words: string): void => {
    if (words === '') return;
    io.stdout.write(words);
    last = words;
  };
  try {
    const body = bodyOf({ ...question, stream: true });
    for await (const event of chatEvents(client.stream('/v1/chat/completions', { body, signal }))) {
      switch (event.type) {
        case 'Prefill':
          if (watched && firstAt === null) io.stderr.write(progress(event.processed, event.total));
          break;
        case 'Text':
          if (firstAt === null) {
            if (watched) io.stderr.write(CLEAR_LINE);
            firstAt = io.now();
          }
          parts.push(event.text);
          say(printable(event.text));
          break;
        case 'Done':
          if (watched) {
            const seconds = (io.now() - (firstAt ?? io.now())) / 1_000;
            io.stderr.write(`${last.endsWith('\n') ? '' : '\n'}${style.dim(summary(event, seconds))}\n`);
            last = '\n';
          }
          break;
      }
    }
  } catch (error) {
    if (!(error instanceof CliError && error.exitCode === exitCodes.interrupted)) throw error;
    return { text: parts.join(''), cancelled: true };
  } finally {
    if (firstAt === null && watched) io.stderr.write(CLEAR_LINE);
    if (last !== '' && !last.endsWith('\n')) io.stdout.write('\n');
  }
  return { text: parts.join(''), cancelled: false };
}

const CLEAR_LINE = '\r\u001b[K';

function progress(processed: number, total: number): string {
  return `${CLEAR_LINE}reading the prompt: ${processed} of ${total} tokens`;
}

function summary(
  { finish, completionTokens }: { readonly finish: string; readonly completionTokens: number },
  seconds: number,
): string {
  const speed =
    seconds > 0 && completionTokens > 1 ? `, ${((completionTokens - 1) / seconds).toFixed(1)} tokens/s` : '';
  const cut = finish === 'length' ? ', cut at the longest length' : '';
  return `(${completionTokens} tokens${speed}${cut})`;
}

function bodyOf({ model, messages, asked, stream }: Question & { readonly stream: boolean }): object {
  return {
    model,
    messages,
    stream,
    max_tokens: asked.maxTokens,
    temperature: asked.temperature,
    seed: asked.seed,
  };
}

/** The one that runs; a person is asked when that is not clear. */
async function onlyModel({ client, signal }: Session): Promise<string> {
  const all = Object.values(await client.call('/meta_instances', MetaInstancesAnswer, { signal }));
  const living = all.filter(({ deleting }) => !deleting);
  const ready = living.filter(({ phase }) => phase === 'READY' || phase === 'RUNNING');
  const choices = ready.length > 0 ? ready : living;
  const [choice] = choices;
  if (choice === undefined) {
    throw new CliError(exitCodes.notFound, 'No model runs; start one with `skein create MODEL --wait`.');
  }
  if (choices.length === 1) return choice.metaInstanceId;
  // Several of one model answer alike: Skein chooses among them.
  if (choices.every(({ modelId }) => modelId === choice.modelId)) return choice.modelId;
  const names = choices.map(({ metaInstanceId }: MetaInstanceView) => metaInstanceId);
  throw new CliError(exitCodes.usage, `Several models run; choose one with --model: ${names.join(', ')}`);
}
