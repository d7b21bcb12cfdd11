import type { GgufValue } from '../../native/addon.d.ts';
import type { ChatMessage } from '../core/contract/runner.ts';
import { ChatTemplate } from './chat-template.ts';
import { loadTokenizer } from './tokenizer.ts';

/** Between text and the tokens of one model. */
export interface TextModel {
  /** The prompt of a chat. @throws `Error` whose message tells the person who asked what is wrong with it */
  encodeChat(messages: readonly ChatMessage[]): Int32Array;
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
    encodeChat: (messages) => {
      const parts = template.render(messages.map(({ role, content }) => ({ role, content })));
      return tokenizer.encodeParts(parts, { addSpecial: false });
    },
    endTokens: Int32Array.from(tokenizer.endTokens),
    tokenBytes: (token) => tokenizer.tokenBytes(token),
    detokenizer: () => tokenizer.detokenizer(),
  };
};
