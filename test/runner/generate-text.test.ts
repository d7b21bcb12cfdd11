import { describe, expect, test } from 'vitest';
import { loadText } from '../../main/runner/generate-text.ts';
import { TextTooLong } from '../../main/runner/tokenizer-error.ts';
import { readSmallTokenizers } from '../native/reference/read.ts';

const { byteLevel } = readSmallTokenizers();
const text = loadText({
  'tokenizer.ggml.model': 'gpt2',
  'tokenizer.ggml.pre': 'smollm',
  'tokenizer.ggml.tokens': byteLevel.tokens,
  'tokenizer.ggml.merges': byteLevel.merges,
  'tokenizer.ggml.bos_token_id': 0,
  'tokenizer.ggml.eos_token_id': 1,
  'tokenizer.chat_template': '{% for message in messages %}{{ message.content }}{% endfor %}',
});
const chat = (...contents: string[]) => contents.map((content) => ({ role: 'user', content }) as const);

/** The loop of a runner stands still meanwhile: after 3 s its node takes it for dead. */
const STANDSTILL_MS = 1_000;

describe('the prompt of a chat', () => {
  test('may have as many tokens as the context leaves room for, and not one more', () => {
    expect(text.encodeChat(chat('1'.repeat(50), '2'.repeat(50)), 100)).toHaveLength(100);
    expect(() => text.encodeChat(chat('1'.repeat(50), '2'.repeat(51)), 100)).toThrow(TextTooLong);
    expect(() => text.encodeChat(chat('1'.repeat(50), '2'.repeat(51)), 100)).toThrow(/more than 100 tokens/);
  });

  test('is refused by its characters alone when no text of that length fits, whatever messages it comes in', () => {
    const [one, two] = [' '.repeat(1_000), ' '.repeat(601)];
    expect(() => text.encodeChat(chat(one, two), 100)).toThrow(TextTooLong);
    expect(() => text.encodeChat(chat(one, two), 100)).toThrow(/1601 characters.*1600/);
  });

  test.each([
    ['words', 'The quick brown fox jumps over the lazy dog. '.repeat(90_000)],
    ['spaces', ' '.repeat(4_000_000)],
    ['digits', '1'.repeat(4_000_000)],
    ['one word', 'etaoin'.repeat(666_666)],
  ])('of 4 MB of %s is refused before it holds the runner up', (_, content) => {
    const startedAt = performance.now();
    expect(() => text.encodeChat(chat(content), 8_191)).toThrow(TextTooLong);
    expect(performance.now() - startedAt).toBeLessThan(STANDSTILL_MS);
  });
});
