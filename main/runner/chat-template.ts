import { Template } from '@huggingface/jinja';
import { protect, type PromptPart, unprotect } from './control-tokens.ts';
import type { Tokenizer } from './tokenizer.ts';

/** Why a conversation can't be turned into a prompt; the message is for the person who asked. */
export class ChatTemplateError extends Error {
  override readonly name = 'ChatTemplateError';
  /** `missing`: the model has no template; `broken`: the template is not valid; `refused`: it won't take these messages. */
  readonly reason: 'missing' | 'broken' | 'refused';

  constructor(reason: ChatTemplateError['reason'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

/** One turn of a conversation; further fields (name, tool calls, …) reach the template as they are. */
export interface ChatMessage {
  readonly role: string;
  readonly content: string;
  readonly [field: string]: unknown;
}

export interface RenderOptions {
  /** Ends the prompt where the model's answer begins. Default true. */
  readonly addGenerationPrompt?: boolean;
  /** More variables for the template (`tools`, `enable_thinking`, …). */
  readonly variables?: Readonly<Record<string, unknown>>;
}

/**
 * The Jinja template that writes a conversation the way a model was trained to read it.
 *
 * People's words never become control tokens: before rendering, every string of the messages and variables is marked
 * wherever a control token begins in it (`protect`), the control tokens are then looked for in the result, and the
 * marks taken out of what lies between. Only what the template itself wrote can be found. `<|im_end|>` in a message
 * reaches the model as those ten characters. Marks are invisible to templates that trim, join or compare strings,
 * except to one that looks for a control token in a message: it finds none.
 */
export class ChatTemplate {
  readonly #source: string | undefined;
  readonly #tokenizer: Tokenizer;
  #parsed: Template | undefined;

  /** Never throws: a model without a usable template still completes text. */
  constructor(tokenizer: Tokenizer, source: string | undefined = tokenizer.chatTemplate) {
    this.#tokenizer = tokenizer;
    this.#source = source;
  }

  /**
   * The prompt for `Tokenizer.encodeParts`, which is to add no special tokens: the template wrote its own.
   * @throws `ChatTemplateError`
   */
  render(messages: readonly ChatMessage[], options: RenderOptions = {}): readonly PromptPart[] {
    const { addGenerationPrompt = true, variables = {} } = options;
    const template = this.#parse();
    const { controlTokens, beginToken, endToken } = this.#tokenizer;
    const name = (token: number | undefined): string =>
      (token === undefined ? undefined : this.#tokenizer.textOf(token)) ?? '';
    let text: string;
    try {
      text = template.render({
        ...(protectAll(variables, (words) => protect(words, controlTokens)) as Record<string, unknown>),
        messages: protectAll(messages, (words) => protect(words, controlTokens)),
        add_generation_prompt: addGenerationPrompt,
        bos_token: name(beginToken),
        eos_token: name(endToken),
      });
    } catch (cause) {
      const message = unprotect(reason(cause));
      throw new ChatTemplateError(
        'refused',
        `The model's chat template does not take these messages: ${message}`,
        {
          cause,
        },
      );
    }
    return controlTokens
      .split(text)
      .map((part) => (part.type === 'text' ? { type: 'text', text: unprotect(part.text) } : part));
  }

  #parse(): Template {
    if (this.#parsed !== undefined) return this.#parsed;
    if (this.#source === undefined) {
      throw new ChatTemplateError(
        'missing',
        'This model has no chat template, so it can complete text but not chat. ' +
          'Use /v1/completions, or a model whose name says Instruct or Chat.',
      );
    }
    try {
      this.#parsed = new Template(this.#source);
    } catch (cause) {
      throw new ChatTemplateError('broken', `The model's chat template can't be read: ${reason(cause)}`, {
        cause,
      });
    }
    return this.#parsed;
  }
}

const reason = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));

/** The value with every string in it marked, keys left alone. */
function protectAll(value: unknown, mark: (text: string) => string): unknown {
  if (typeof value === 'string') return mark(value);
  if (Array.isArray(value)) return value.map((entry: unknown) => protectAll(entry, mark));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, protectAll(entry, mark)]));
}
