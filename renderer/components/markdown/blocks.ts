/**
 * A piece of an answer that is laid out on its own. While an answer streams, only the last piece is parsed again,
 * so what one more token costs does not grow with the answer.
 */
export interface Block {
  readonly kind: 'text' | 'code' | 'math';
  /** Offset in the answer where the block begins. */
  readonly start: number;
  /** Markdown for `text`; what stands between the fences for `code` and between the marks for `math`. */
  readonly source: string;
  /** First word after the opening fence, lower case; '' elsewhere. */
  readonly language: string;
  /** Whether more of it may still come: a fence without its end. */
  readonly open: boolean;
  /** Whether it goes on where the block before ended: part of one long list or table. */
  readonly joined: boolean;
  /** Its `[label]: address` lines, to which blocks far away may refer. */
  readonly definitions: readonly string[];
}

export interface Blocks {
  readonly text: string;
  readonly list: readonly Block[];
}

export const noBlocks: Blocks = { text: '', list: [] };

/** Lines after which a list, table or paragraph goes on in another block. */
export const LONG_BLOCK_LINES = 60;

const FENCE = /^ {0,3}(`{3,}|~{3,})([^\n]*)$/;
const INNER_FENCE = /^\s*(?:[-*+]\s+|\d{1,9}[.)]\s+|>\s?)*(`{3,}|~{3,})/;
const HEADING = /^ {0,3}#{1,6}(\s|$)/;
const LIST_ITEM = /^ {0,3}(?:[-*+]|\d{1,9}[.)])(?:\s|$)/;
const DELIMITER_ROW = /^ {0,3}\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?\s*$/;
const DEFINITION = /^ {0,3}\[[^\]^\n][^\]\n]*\]:\s*\S/;
const MATH_OPEN = /^ {0,3}(\$\$|\\\[)/;

const NONE: readonly string[] = [];

type Shape = 'paragraph' | 'heading' | 'list' | 'table';

/** What is being read: the lines of one block so far. */
interface Pending {
  readonly kind: Block['kind'];
  readonly start: number;
  readonly lines: string[];
  shape: Shape;
  /** What ends it: a fence's characters, or the closing mark of a formula. */
  readonly end: string;
  readonly language: string;
  readonly joined: boolean;
  /** Header and delimiter of a long table, said again in each part of it. */
  readonly header: readonly string[];
  /** A fence within a list or quotation; blank lines inside end nothing. */
  innerFence: string;
  blank: boolean;
}

/**
 * Splits an answer into blocks. `before` is the result for an earlier state of the same answer: what it settled is
 * taken over, where `text` begins with its text.
 */
export function splitBlocks(text: string, before: Blocks = noBlocks): Blocks {
  if (text === before.text) return before;
  const kept = text.startsWith(before.text) ? settled(before) : 0;
  const list = before.list.slice(0, kept);
  const from = before.list[kept]?.start ?? 0;
  const reader = new BlockReader();
  for (let offset = from; offset < text.length;) {
    const newline = text.indexOf('\n', offset);
    const end = newline === -1 ? text.length : newline;
    reader.line(text.slice(offset, end), offset);
    offset = end + 1;
  }
  return { text, list: [...list, ...reader.end()] };
}

/** How many blocks can't change any more: all but the last, and the one before while the last has no whole line. */
function settled({ text, list }: Blocks): number {
  let kept = list.length - 1;
  const last = list[kept];
  if (last !== undefined && text.indexOf('\n', last.start) === -1) kept -= 1;
  // A part of a long list or table depends on how it began, so reading goes back to there.
  while (list[kept]?.joined === true) kept -= 1;
  return Math.max(0, kept);
}

class BlockReader {
  readonly #blocks: Block[] = [];
  #pending: Pending | null = null;

  line(line: string, offset: number): void {
    const pending = this.#pending;
    if (pending?.kind === 'code') return this.#codeLine(pending, line);
    if (pending?.kind === 'math') return this.#mathLine(pending, line);
    if (pending !== null && pending.innerFence !== '') {
      pending.lines.push(line);
      if (closes(line, pending.innerFence)) pending.innerFence = '';
      return;
    }
    if (line.trim() === '') {
      if (pending !== null) {
        pending.blank = true;
        pending.lines.push(line);
      }
      return;
    }
    if (this.#opensOther(line, offset)) return;
    if (pending === null || this.#parts(pending, line)) this.#open(line, offset, pending);
    else this.#goOn(pending, line);
    const current = this.#pending;
    const fence = current?.shape === 'table' ? null : INNER_FENCE.exec(line)?.[1];
    if (current !== null && fence !== undefined && fence !== null) current.innerFence = fence;
  }

  end(): readonly Block[] {
    this.#close(true);
    return this.#blocks;
  }

  #codeLine(pending: Pending, line: string): void {
    if (closes(line, pending.end)) this.#close(false);
    else pending.lines.push(line);
  }

  #mathLine(pending: Pending, line: string): void {
    const end = line.indexOf(pending.end);
    if (end !== -1) {
      pending.lines.push(line.slice(0, end));
      this.#close(false);
      return;
    }
    // No formula has a blank line: what began like one was none.
    if (line.trim() === '') this.#close(false, 'text');
    else pending.lines.push(line);
  }

  /** A fence or a formula at the margin ends whatever stands above it. */
  #opensOther(line: string, offset: number): boolean {
    const fence = FENCE.exec(line);
    const mark = fence?.[1] ?? '';
    const info = fence?.[2]?.trim() ?? '';
    if (fence !== null && !(mark.startsWith('`') && info.includes('`')) && !this.#inList(line)) {
      this.#close(false);
      const language = (/^[^\s{,:]+/.exec(info)?.[0] ?? '').toLowerCase().slice(0, 40);
      this.#begin({ kind: 'code', start: offset, end: mark, language });
      return true;
    }
    const math = MATH_OPEN.exec(line);
    if (math === null || this.#inList(line)) return false;
    const end = math[1] === '$$' ? '$$' : '\\]';
    const rest = line.slice(math[0].length);
    const closing = rest.indexOf(end);
    if (closing !== -1 && rest.slice(closing + end.length).trim() !== '') return false;
    this.#close(false);
    const pending = this.#begin({ kind: 'math', start: offset, end });
    pending.lines.push(closing === -1 ? rest : rest.slice(0, closing));
    if (closing !== -1) this.#close(false);
    return true;
  }

  #inList(line: string): boolean {
    return this.#pending?.shape === 'list' && /^\s{2,}/.test(line);
  }

  /** Whether the line begins a block of its own. */
  #parts(pending: Pending, line: string): boolean {
    if (pending.shape === 'heading') return true;
    if (HEADING.test(line) && pending.shape !== 'list') return true;
    const indent = line.length - line.trimStart().length;
    const item = LIST_ITEM.test(line);
    if (pending.lines.length >= LONG_BLOCK_LINES && indent === 0) {
      if (pending.shape === 'list' && item) return true;
      if (pending.shape === 'table' || pending.shape === 'paragraph') return true;
    }
    if (!pending.blank) return false;
    if (pending.shape === 'list') return indent < 2 && !item;
    return indent < 4;
  }

  #open(line: string, offset: number, before: Pending | null): void {
    const long = before !== null && !before.blank && before.lines.length >= LONG_BLOCK_LINES;
    const list = LIST_ITEM.test(line) && before?.shape === 'list' && before.lines.length >= LONG_BLOCK_LINES;
    const table = long && before.shape === 'table';
    const header = table ? (before.header.length > 0 ? before.header : before.lines.slice(0, 2)) : [];
    this.#close(false);
    const pending = this.#begin({ kind: 'text', start: offset, joined: table || list, header });
    pending.shape = table
      ? 'table'
      : HEADING.test(line)
        ? 'heading'
        : LIST_ITEM.test(line)
          ? 'list'
          : 'paragraph';
    pending.lines.push(line);
  }

  #goOn(pending: Pending, line: string): void {
    pending.blank = false;
    pending.lines.push(line);
    if (pending.shape === 'paragraph') {
      if (pending.lines.length === 2 && DELIMITER_ROW.test(line) && pending.lines[0]?.includes('|') === true)
        pending.shape = 'table';
      // A list may follow a paragraph without a blank line; from there on, it is a list's rules that hold.
      else if (LIST_ITEM.test(line)) pending.shape = 'list';
    }
  }

  #begin(init: {
    readonly kind: Block['kind'];
    readonly start: number;
    readonly end?: string;
    readonly language?: string;
    readonly joined?: boolean;
    readonly header?: readonly string[];
  }): Pending {
    return (this.#pending = {
      kind: init.kind,
      start: init.start,
      lines: [],
      shape: 'paragraph',
      end: init.end ?? '',
      language: init.language ?? '',
      joined: init.joined ?? false,
      header: init.header ?? [],
      innerFence: '',
      blank: false,
    });
  }

  #close(open: boolean, kind?: Block['kind']): void {
    const pending = this.#pending;
    if (pending === null) return;
    this.#pending = null;
    const lines = [...pending.header, ...pending.lines];
    const broken = kind === 'text' && pending.kind === 'math';
    const source = broken ? `${pending.end === '$$' ? '$$' : '\\['}${lines.join('\n')}` : lines.join('\n');
    this.#blocks.push({
      kind: kind ?? pending.kind,
      start: pending.start,
      source: pending.kind === 'text' ? source.trimEnd() : source,
      language: pending.language,
      open: open && pending.kind !== 'text',
      joined: pending.joined,
      definitions: pending.kind === 'text' ? pending.lines.filter((line) => DEFINITION.test(line)) : NONE,
    });
  }
}

/** Whether a line ends a fence: the same character, at least as often, and nothing else. */
function closes(line: string, fence: string): boolean {
  const text = line.trim();
  return text.length >= fence.length && text === (fence[0] ?? '').repeat(text.length);
}
