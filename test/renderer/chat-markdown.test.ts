import { describe, expect, test } from 'vitest';
import {
  type Block,
  type Blocks,
  LONG_BLOCK_LINES,
  noBlocks,
  splitBlocks,
} from '../../renderer/components/markdown/blocks.ts';
import { codeChunks } from '../../renderer/components/markdown/code-chunks.ts';
import { outwardLink } from '../../renderer/components/markdown/link.ts';
import { writeFormulas } from '../../renderer/components/markdown/math.ts';
import { references } from '../../renderer/components/markdown/references.ts';

const shown = ({ kind, source, language, open, joined }: Block): string =>
  `${kind}${language === '' ? '' : `:${language}`}${open ? ' open' : ''}${joined ? ' joined' : ''} ${JSON.stringify(source)}`;

const lines = (count: number, line: (number: number) => string): string =>
  Array.from({ length: count }, (_, index) => line(index + 1)).join('\n');

describe('an answer is split into blocks', () => {
  const rows: readonly {
    readonly name: string;
    readonly text: string;
    readonly blocks: readonly string[];
  }[] = [
    { name: 'nothing has no block', text: '\n \n', blocks: [] },
    {
      name: 'paragraphs part at blank lines, a heading is its own',
      text: '# Title\nOne\ntwo\n\nthree',
      blocks: ['text "# Title"', 'text "One\\ntwo"', 'text "three"'],
    },
    {
      name: 'a fence ends the paragraph above it and keeps its blank lines and marks',
      text: 'See:\n```TypeScript title="x"\nlet a;\n\n# no heading\n```\nafter',
      blocks: ['text "See:"', 'code:typescript "let a;\\n\\n# no heading"', 'text "after"'],
    },
    {
      name: 'a longer fence may hold a shorter one',
      text: '````md\n```js\n```\n````',
      blocks: ['code:md "```js\\n```"'],
    },
    { name: 'a fence without its end is open', text: '```js\nlet a', blocks: ['code:js open "let a"'] },
    { name: 'backticks within a line are no fence', text: '```a``` b', blocks: ['text "```a``` b"'] },
    {
      name: 'a list goes on over blank lines, indented text and code',
      text: '- a\n\n  more\n\n- b\n  ```js\n\n- c\n  ```\n\nend',
      blocks: ['text "- a\\n\\n  more\\n\\n- b\\n  ```js\\n\\n- c\\n  ```"', 'text "end"'],
    },
    {
      name: 'a list right below a paragraph goes on like a list',
      text: 'Steps:\n1. a\n\n2. b\n\nend',
      blocks: ['text "Steps:\\n1. a\\n\\n2. b"', 'text "end"'],
    },
    {
      name: 'formulas stand alone in both ways of writing them',
      text: '$$\nx^2\n$$\n\\[ y \\]\n$$z$$\n$$q$$ in a line',
      blocks: ['math "\\nx^2\\n"', 'math " y "', 'math "z"', 'text "$$q$$ in a line"'],
    },
    { name: 'a formula without its end is open', text: '$$\nx^', blocks: ['math open "\\nx^"'] },
    {
      name: 'what began like a formula is none after a blank line',
      text: '$$ is money\n\nmore',
      blocks: ['text "$$ is money"', 'text "more"'],
    },
    {
      name: 'indented code after a blank line stays with what is above',
      text: 'a\n\n    code\n\n    more\n\nb',
      blocks: ['text "a\\n\\n    code\\n\\n    more"', 'text "b"'],
    },
  ];
  for (const { name, text, blocks } of rows)
    test(name, () => expect(splitBlocks(text).list.map(shown)).toEqual(blocks));

  test('a long list goes on in further blocks', () => {
    const { list } = splitBlocks(lines(150, (number) => `${number}. item`));
    expect(list.map(({ joined, source }) => [joined, source.split('\n')[0]])).toEqual([
      [false, '1. item'],
      [true, '61. item'],
      [true, '121. item'],
    ]);
  });

  test('each part of a long table begins with its header', () => {
    const { list } = splitBlocks(`| a | b |\n|---|---|\n${lines(200, (number) => `| ${number} | x |`)}`);
    expect(list.length).toBe(4);
    for (const { source } of list) expect(source.startsWith('| a | b |\n|---|---|\n| ')).toBe(true);
    expect(list.flatMap(({ source }) => source.split('\n').slice(2)).length).toBe(200);
  });

  test('addresses that other blocks refer to are known', () => {
    const { list } = splitBlocks('See [it][1].\n\n[1]: https://example.org\n');
    expect(list.map(({ definitions }) => definitions)).toEqual([[], ['[1]: https://example.org']]);
  });

  test('and only what a block refers to is told it', () => {
    const blocks = splitBlocks('See [It][1] or [two].\n\nNot [1](x).\n\n[1]: a\n[Two]: b\n[1]: c\n[3]: d');
    expect(blocks.list.slice(0, 2).map(references(blocks))).toEqual(['[1]: a\n[Two]: b', '']);
  });
});

const MIXED = [
  '# Heading\n\nA paragraph with `code` and **more**.\nSecond line.\n',
  '- one\n- two\n\n  inside\n\n1. first\n2. second\n   ```py\n   a = 1\n\n   b = 2\n   ```\n',
  '```ts\nconst a = 1;\n\n\nconst b = 2;\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n',
  '$$\n\\frac{a}{b}\n$$\n\n\\[\nx\n\\]\n\n> quoted\n> ```\n> code\n> ```\n\n',
  `${lines(LONG_BLOCK_LINES * 2 + 5, (number) => `- item ${number}`)}\n\n`,
  `| a |\n|---|\n${lines(LONG_BLOCK_LINES * 2, (number) => `| ${number} |`)}\n\n[1]: https://example.org\n\nEnd\n---\n`,
].join('\n');

describe('an answer that grows', () => {
  for (const step of [1, 2, 3, 7, 50]) {
    test(`is split as if it had come whole, ${step} characters at a time`, () => {
      let blocks: Blocks = noBlocks;
      for (let end = 0; end < MIXED.length + step; end += step) {
        const text = MIXED.slice(0, end);
        blocks = splitBlocks(text, blocks);
        if (step > 1 || end % 13 === 0) expect(blocks.list).toEqual(splitBlocks(text).list);
      }
      expect(blocks.list).toEqual(splitBlocks(MIXED).list);
    });
  }

  test('keeps the very blocks that are finished', () => {
    const before = splitBlocks(MIXED.slice(0, 400));
    const after = splitBlocks(MIXED.slice(0, 460), before);
    for (let index = 0; index < before.list.length - 2; index += 1)
      expect(after.list[index]).toBe(before.list[index]);
  });

  test('is split anew when another answer takes its place', () => {
    expect(splitBlocks('x\n\ny', splitBlocks('a\n\nb\n\nc')).list.map(shown)).toEqual([
      'text "x"',
      'text "y"',
    ]);
  });
});

describe('formulas', () => {
  const rows: readonly (readonly [name: string, markdown: string, written: string])[] = [
    ['one dollar around a formula', 'so $x^2$ is', 'so $$x^2$$ is'],
    ['brackets', 'so \\(x\\) and \\[y\\]', 'so $$x$$ and $$y$$'],
    ['two dollars stay', 'so $$x$$', 'so $$x$$'],
    ['money is no formula', 'from $5 to $10, or $5-$10', 'from $5 to $10, or $5-$10'],
    ['code stays as it is', '`$a$` and ``\\(b\\)`` and $c$', '`$a$` and ``\\(b\\)`` and $$c$$'],
    ['an escaped dollar is a dollar', '\\$a$ b', '\\$a$ b'],
  ];
  for (const [name, markdown, written] of rows)
    test(name, () => expect(writeFormulas(markdown)).toBe(written));
});

describe('links', () => {
  const rows: readonly (readonly [address: string, led: boolean])[] = [
    ['https://example.org/a?b#c', true],
    ['HTTP://example.org', true],
    ['mailto:someone@example.org', true],
    ['javascript:alert(1)', false],
    ['JaVaScRiPt:alert(1)', false],
    [' javascript:alert(1)', false],
    ['java\nscript:alert(1)', false],
    ['data:text/html,<script>', false],
    ['vbscript:x', false],
    ['file:///etc/passwd', false],
    ['//example.org/x', false],
    ['/settings', false],
    ['#/settings', false],
    ['https://', false],
    ['', false],
  ];
  for (const [address, led] of rows)
    test(`${JSON.stringify(address)} ${led ? 'leads outward' : 'leads nowhere'}`, () =>
      expect(outwardLink(address)).toBe(led ? address : null));
});

describe('code is cut into chunks', () => {
  test('that are the code again when joined', () => {
    const code = lines(1_000, (number) =>
      number % 9 === 0 ? '' : `${number % 4 === 0 ? '' : '  '}line ${number}`,
    );
    expect(codeChunks(code).join('\n')).toBe(code);
    expect(Math.max(...codeChunks(code).map((chunk) => chunk.split('\n').length))).toBeLessThanOrEqual(160);
  });

  test('and a chunk stays as it is once another follows', () => {
    const code = lines(1_000, (number) => (number % 9 === 0 ? '' : `line ${number}`));
    for (const length of [2_000, 5_000, 8_000]) {
      const before = codeChunks(code.slice(0, length)).slice(0, -1);
      expect(codeChunks(code).slice(0, before.length)).toEqual(before);
    }
  });
});
