import type { GgufValue } from '../../native/addon.d.ts';
import type { ChatMessage } from '../core/contract/runner.ts';
import { ChatTemplate } from './chat-template.ts';
import { loadTokenizer } from './tokenizer.ts';
import { TextTooLong } from './tokenizer-error.ts';

/**
 * Characters per token beyond which a prompt is not even looked at. Prose and code have 3 to 5. Tokenising megabytes
 * takes seconds in which the runner hears nobody, and its node would take it for dead.
 */
const MAXIMUM_CHARACTERS_PER_TOKEN = 16;

/** Between text and the tokens of one model. */
export interface TextModel {
  /**
   * The prompt of a chat.
   * @throws `Error` whose message tells the person who asked what is wrong with it; `TextTooLong` when it has more than
   * `maximumTokens`, however long it is within little time
   */
  encodeChat(messages: readonly ChatMessage[], maximumTokens: number): Int32Array;
  /** Tokens that end an answer. */
  readonly endTokens: Int32Array;
  /** The raw bytes of a token. */
  tokenBytes(token: number): Uint8Array;
  /** For one answer: whole characters as tokens come; `end` gives the rest. */
  detokenizer(): { push(token: number): string; end(): string };
}

/** @throws `BadTokenizer` when the metadata describes no tokenizer that Skein knows */
export type TextFactory = (metadata: Readonly<Record<string, GgufValue>>) => TextModel;

/** The text side of a GGUF model. */
export const loadText: TextFactory = (metadata) => {
  const tokenizer = loadTokenizer({ type: 'gguf', metadata });
  const template = new ChatTemplate(tokenizer);
  return {
    encodeChat: (messages, maximumTokens) => {
      refuseHopeless(messages, maximumTokens);
      const parts = template.render(messages.map(({ role, content }) => ({ role, content })));
      return tokenizer.encodeParts(parts, { addSpecial: false, maximumTokens });
    },
    endTokens: Int32Array.from(tokenizer.endTokens),
    tokenBytes: (token) => tokenizer.tokenBytes(token),
    detokenizer: () => tokenizer.detokenizer(),
  };
};

function refuseHopeless(messages: readonly ChatMessage[], maximumTokens: number): void {
  const characters = messages.reduce((sum, { content }) => sum + content.length, 0);
  const most = maximumTokens * MAXIMUM_CHARACTERS_PER_TOKEN;
  if (characters <= most) return;
  throw new TextTooLong(
    `The messages have ${characters} characters; a context with room for ${maximumTokens} tokens takes at most ${most}.`,
  );
}
