import { describe, expect, test } from 'vitest';
import {
  attachmentOf,
  MAX_ATTACHMENT_BYTES,
  splitAttachments,
  withAttachments,
} from '../../renderer/stores/chat/attachment.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('a file is taken', () => {
  const rows: readonly (readonly [name: string, bytes: Uint8Array, taken: unknown])[] = [
    ['a.txt', bytes('grüße\r\nzwei'), { name: 'a.txt', text: 'grüße\nzwei' }],
    ['b"`\n.ts', bytes(''), { name: 'b.ts', text: '' }],
    ['', bytes('x'), { name: 'file', text: 'x' }],
    ['a.bin', new Uint8Array([65, 0, 66]), 'NotText'],
    ['a.jpg', new Uint8Array([0xff, 0xd8, 0xff]), 'NotText'],
    ['big.txt', new Uint8Array(MAX_ATTACHMENT_BYTES + 1).fill(65), 'TooLarge'],
  ];
  for (const [name, content, taken] of rows)
    test(`${JSON.stringify(name)} as ${JSON.stringify(taken)}`, () =>
      expect(attachmentOf(name, content)).toEqual(taken));
});

describe('a message with files', () => {
  const rows: readonly {
    readonly name: string;
    readonly files: readonly [string, string][];
    readonly text: string;
  }[] = [
    { name: 'none', files: [], text: 'Hello' },
    { name: 'one', files: [['a.ts', 'let a;\n']], text: 'What is this?' },
    { name: 'an empty one', files: [['a', '']], text: '' },
    {
      name: 'with fences inside',
      files: [
        ['a.md', '```js\n```\n\n````\n\n'],
        ['b.txt', 'b'],
      ],
      text: '```\nx\n```\n\ny',
    },
  ];
  for (const { name, files, text } of rows)
    test(`comes apart as it was put together: ${name}`, () => {
      const attachments = files.map(([file, content]) => ({ name: file, text: content }));
      expect(splitAttachments(withAttachments(text, attachments))).toEqual({ text, attachments });
    });

  test('reads like this to the model', () => {
    expect(withAttachments('Why?', [{ name: 'a.ts', text: 'let a;' }])).toBe(
      'File "a.ts":\n```ts\nlet a;\n```\n\nWhy?',
    );
  });
});
