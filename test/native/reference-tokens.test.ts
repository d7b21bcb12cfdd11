import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { ChatTemplate } from '../../main/runner/chat-template.ts';
import { loadTokenizer } from '../../main/runner/tokenizer.ts';
import { loadAddon } from '../../native/index.ts';
import { readGreedy, readStarterTokens } from './reference/read.ts';

const { file, plain, control } = readStarterTokens();
const modelPath = fileURLToPath(new URL(`../../.cache/models/${file}`, import.meta.url));
const { metadata } = loadAddon().readGguf(modelPath);
const greedy = readGreedy();

describe("the starter model's tokenizer, from the file's header", () => {
  for (const scheme of ['smollm', 'gpt-2', 'default', 'llama-bpe', 'qwen2']) {
    test(`split by ${scheme} gives the tokens of Rust tokenizers for every text`, () => {
      const tokenizer = loadTokenizer({
        type: 'gguf',
        metadata: { ...metadata, 'tokenizer.ggml.pre': scheme },
      });
      for (const [texts, parseControl] of [
        [plain, false],
        [control, true],
      ] as const) {
        for (const { text, tokens } of texts) {
          const found = [...tokenizer.encode(text, { addSpecial: false, parseControl })];
          expect({ text, found }).toEqual({ text, found: tokens[scheme] });
        }
      }
    });
  }

  test('names the splitting scheme itself, adds nothing, and ends answers with the right tokens', () => {
    const tokenizer = loadTokenizer({ type: 'gguf', metadata });
    expect([...tokenizer.encode('12', { addSpecial: true })]).toHaveLength(2);
    expect(tokenizer.endTokens.map((token) => tokenizer.textOf(token))).toEqual([
      '<|endoftext|>',
      '<|im_end|>',
    ]);
    expect(tokenizer.vocabularySize).toBe(49152);
  });

  test("its chat template gives the reference's chat prompts", () => {
    const tokenizer = loadTokenizer({ type: 'gguf', metadata });
    const template = new ChatTemplate(tokenizer);
    const rows = {
      chat: [{ role: 'user', content: 'What is the capital of France?' }],
      'chat of several turns': [
        { role: 'system', content: 'Answer briefly.' },
        { role: 'user', content: 'Name a fruit.' },
        { role: 'assistant', content: 'Apple 🍎' },
        { role: 'user', content: 'And how do I bake it?' },
      ],
    };
    for (const [name, messages] of Object.entries(rows)) {
      const tokens = tokenizer.encodeParts(template.render(messages), { addSpecial: false });
      expect([...tokens]).toEqual(greedy.prompts.find((prompt) => prompt.name === name)?.prompt);
    }
  });

  test('loads well within the time that a model may take to become ready', () => {
    const started = performance.now();
    loadTokenizer({ type: 'gguf', metadata });
    // About 40 ms on a quiet machine; the aim is 200 ms, the rest is room for a busy one.
    expect(performance.now() - started).toBeLessThan(1_000);
  });
});
