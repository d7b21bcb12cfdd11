import type { ChatAnswer, ChatLogprobs, ChatUsage, FinishReason } from '../../core/contract/rest-chat.ts';
import type { TokenDetail, TokenLogprob } from '../../core/contract/runner.ts';
import type { TokenUsage } from '../../core/task.ts';

/** What stays the same in all lines of one answer. */
export interface ChatHead {
  readonly id: string;
  /** Epoch seconds. */
  readonly created: number;
  readonly model: string;
}

export function chatAnswer(
  { id, created, model }: ChatHead,
  {
    content,
    finish,
    usage,
    logprobs,
  }: {
    readonly content: string;
    readonly finish: FinishReason;
    readonly usage: TokenUsage;
    readonly logprobs: readonly TokenDetail[] | null;
  },
): ChatAnswer {
  return {
    id,
    object: 'chat.completion',
    created,
    model,
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content },
        ...(logprobs === null ? {} : { logprobs: chatLogprobs(logprobs) }),
        finish_reason: finish,
      },
    ],
    usage: chatUsage(usage),
  };
}

/**
 * The lines of a streamed answer. The token path: text is put between parts that were made once,
 * and only what changes is turned into JSON.
 */
export class ChatLines {
  readonly #head: string;
  readonly #tail: string;
  readonly #includeUsage: boolean;
  #role = '"role":"assistant",';

  /** @param includeUsage OpenAI's `stream_options.include_usage`: the usage gets a line of its own */
  constructor({ id, created, model }: ChatHead, includeUsage: boolean) {
    const same = `"id":${JSON.stringify(id)},"object":"chat.completion.chunk","created":${created},"model":${JSON.stringify(model)}`;
    this.#head = `data: {${same},"choices":[`;
    this.#includeUsage = includeUsage;
    this.#tail = includeUsage ? '],"usage":null}\n\n' : ']}\n\n';
  }

  text(text: string, details: readonly TokenDetail[] | undefined): string {
    const role = this.#role;
    this.#role = '';
    const logprobs = details === undefined ? '' : `"logprobs":${JSON.stringify(chatLogprobs(details))},`;
    return `${this.#head}{"index":0,"delta":{${role}"content":${JSON.stringify(text)}},${logprobs}"finish_reason":null}${this.#tail}`;
  }

  /** The last lines: why it ended, the usage, and the end mark. */
  finish(finish: FinishReason, usage: TokenUsage): string {
    const delta = this.#role === '' ? '{}' : '{"role":"assistant","content":""}';
    const choice = `{"index":0,"delta":${delta},"finish_reason":"${finish}"}`;
    const counts = JSON.stringify(chatUsage(usage));
    const last = this.#includeUsage
      ? `${this.#head}${choice}${this.#tail}${this.#head}],"usage":${counts}}\n\n`
      : `${this.#head}${choice}],"usage":${counts}}\n\n`;
    return `${last}data: [DONE]\n\n`;
  }
}

function chatUsage({ promptTokens, completionTokens, cachedTokens }: TokenUsage): ChatUsage {
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    ...(cachedTokens === undefined ? {} : { prompt_tokens_details: { cached_tokens: cachedTokens } }),
  };
}

function chatLogprobs(details: readonly TokenDetail[]): ChatLogprobs {
  return {
    content: details.map((detail) => ({ ...logprobOf(detail), top_logprobs: detail.top.map(logprobOf) })),
  };
}

function logprobOf({ text, logprob, bytes }: TokenLogprob): {
  token: string;
  logprob: number;
  bytes: number[];
} {
  return { token: text, logprob, bytes };
}
