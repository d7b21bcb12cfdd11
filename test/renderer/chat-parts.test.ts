import { describe, expect, test } from 'vitest';
import { answerParts, type Part, spokenText } from '../../renderer/stores/chat/parts.ts';

const thought = (text: string, open = false): Part => ({ type: 'reasoning', text, open });
const said = (text: string): Part => ({ type: 'text', text });
const call = (name: string, source: string, open = false): Part => ({ type: 'tool', name, source, open });

describe('an answer is taken apart', () => {
  const rows: readonly { readonly name: string; readonly answer: string; readonly parts: readonly Part[] }[] =
    [
      { name: 'text alone', answer: 'Hello', parts: [said('Hello')] },
      { name: 'nothing', answer: '', parts: [] },
      { name: 'thinking, still going on', answer: '<think>\nWell', parts: [thought('Well', true)] },
      { name: 'half a tag', answer: '\n<thi', parts: [thought('', true)] },
      {
        name: 'thinking, then the answer',
        answer: '<think>a</think>\n\nb',
        parts: [thought('a'), said('b')],
      },
      {
        name: 'thinking that began in the prompt',
        answer: 'a\n</think>\n\nb',
        parts: [thought('a'), said('b')],
      },
      {
        name: 'talk about the tag',
        answer: 'The tag `</think>` ends it.',
        parts: [said('The tag `</think>` ends it.')],
      },
      {
        name: 'calls of tools',
        answer: 'Wait.\n<tool_call>\n{"name": "clock", "arguments": {}}\n</tool_call>\n<tool_call>{"na',
        parts: [said('Wait.\n'), call('clock', '{"name": "clock", "arguments": {}}'), call('', '{"na', true)],
      },
    ];
  for (const { name, answer, parts } of rows) test(name, () => expect(answerParts(answer)).toEqual(parts));
});

test('what was thought is not part of what was said', () => {
  expect(spokenText('<think>hm</think>\n\nYes.\n')).toBe('Yes.');
});
