import { z } from 'zod';
import { LineSplitter } from '../core/contract/line.ts';
import { ErrorBody } from './client.ts';
import { CliError, exitCodes } from './exit.ts';

const MAX_LINE = 1024 * 1024;

const Chunk = z.object({
  choices: z.array(
    z.object({ delta: z.object({ content: z.string().optional() }), finish_reason: z.string().nullable() }),
  ),
  usage: z.object({ prompt_tokens: z.number(), completion_tokens: z.number() }).nullish(),
});

const Prefill = z.object({ processed_tokens: z.number(), total_tokens: z.number() });

/** What a streamed chat tells, in order; the last is `Done`. */
export type ChatEvent =
  | { readonly type: 'Prefill'; readonly processed: number; readonly total: number }
  | { readonly type: 'Text'; readonly text: string }
  | {
      readonly type: 'Done';
      /** `stop` or `length`. */
      readonly finish: string;
      readonly promptTokens: number;
      readonly completionTokens: number;
    };

/**
 * Reads the lines of a streamed chat answer.
 * @throws CliError when the node says so, sends what is no answer, or ends early
 */
export async function* chatEvents(chunks: AsyncIterable<string>): AsyncGenerator<ChatEvent> {
  const splitter = new LineSplitter(MAX_LINE);
  let finish: string | null = null;
  let usage = { promptTokens: 0, completionTokens: 0 };
  for await (const chunk of chunks) {
    const lines = splitter.push(chunk);
    if (lines === null) throw notAnAnswer('a line without end');
    for (const line of lines) {
      if (line === 'data: [DONE]') {
        if (finish === null) throw notAnAnswer('an end without a reason');
        yield { type: 'Done', finish, ...usage };
        return;
      }
      const progress = prefillOf(line);
      if (progress !== null) yield progress;
      if (!line.startsWith('data:')) continue;
      const { choices, usage: counted } = chunkOf(line.slice('data:'.length));
      const [choice] = choices;
      if (choice?.delta.content) yield { type: 'Text', text: choice.delta.content };
      finish = choice?.finish_reason ?? finish;
      if (counted) {
        usage = { promptTokens: counted.prompt_tokens, completionTokens: counted.completion_tokens };
      }
    }
  }
  throw new CliError(exitCodes.failed, 'The answer broke off: the node ended the stream early.');
}

const PREFILL = ': prefill_progress ';

function prefillOf(line: string): ChatEvent | null {
  if (!line.startsWith(PREFILL)) return null;
  const parsed = Prefill.safeParse(jsonOf(line.slice(PREFILL.length)));
  if (!parsed.success) return null;
  return { type: 'Prefill', processed: parsed.data.processed_tokens, total: parsed.data.total_tokens };
}

function chunkOf(text: string): z.infer<typeof Chunk> {
  const json = jsonOf(text);
  const error = ErrorBody.safeParse(json);
  if (error.success) throw new CliError(exitCodes.failed, error.data.error.message);
  const chunk = Chunk.safeParse(json);
  if (!chunk.success) throw notAnAnswer(text.slice(0, 80));
  return chunk.data;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function notAnAnswer(what: string): CliError {
  return new CliError(exitCodes.failed, `The node sent what is no chat answer: ${what}`);
}
