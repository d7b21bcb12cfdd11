/**
 * Finds added tokens (`<|im_end|>`, …) in text, and keeps text that people wrote from being read as such.
 */

/** A piece of a prompt: text still to be tokenised, or a token that is already decided. */
export type PromptPart =
  { readonly type: 'text'; readonly text: string } | { readonly type: 'token'; readonly id: number };

interface TrieNode {
  readonly children: Map<number, TrieNode>;
  id: number | undefined;
}

/** Longest-match search for a fixed set of strings; time is linear in the text for tokens of bounded length. */
export class TokenMatcher {
  readonly #root: TrieNode = { children: new Map(), id: undefined };

  constructor(tokens: Iterable<readonly [text: string, id: number]>) {
    for (const [text, id] of tokens) {
      if (text.length === 0) continue;
      let node = this.#root;
      for (let at = 0; at < text.length; at += 1) {
        const unit = text.charCodeAt(at);
        let child = node.children.get(unit);
        if (child === undefined) node.children.set(unit, (child = { children: new Map(), id: undefined }));
        node = child;
      }
      node.id = id;
    }
  }

  /** The longest token that begins at `from`, if any. */
  matchAt(text: string, from: number): { readonly id: number; readonly length: number } | undefined {
    let node: TrieNode | undefined = this.#root;
    let found: { id: number; length: number } | undefined;
    for (let at = from; at < text.length; at += 1) {
      node = node.children.get(text.charCodeAt(at));
      if (node === undefined) break;
      if (node.id !== undefined) found = { id: node.id, length: at + 1 - from };
    }
    return found;
  }

  /** The text as tokens and what lies between them, left to right, the longest token first. No part is empty. */
  split(text: string): PromptPart[] {
    const parts: PromptPart[] = [];
    let start = 0;
    let at = 0;
    while (at < text.length) {
      const match = this.matchAt(text, at);
      if (match === undefined) {
        at += 1;
        continue;
      }
      if (at > start) parts.push({ type: 'text', text: text.slice(start, at) });
      parts.push({ type: 'token', id: match.id });
      at += match.length;
      start = at;
    }
    if (start < text.length) parts.push({ type: 'text', text: text.slice(start) });
    return parts;
  }
}

// Two of Unicode's noncharacters, which never occur in interchanged text; where they do they are escaped.
const BREAK = '\uFDD0';
const LITERAL = '\uFDD1';
const BROKEN = new RegExp(`${BREAK}(${LITERAL}?)`, 'gu');

/**
 * Marks text that a person wrote so that no token of `matcher` can be found in it, whatever a template adds around
 * it: each place where a token begins gets a break after its first code unit. `unprotect` restores the text exactly.
 * A token of a single code unit can't be broken and is left alone; no published vocabulary has one.
 */
export function protect(text: string, matcher: TokenMatcher): string {
  let result = '';
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charAt(at);
    result += unit;
    if (unit === BREAK) result += LITERAL;
    else if (matcher.matchAt(text, at) !== undefined) result += BREAK;
  }
  return result;
}

/** The text that `protect` was given. */
export function unprotect(text: string): string {
  return text.replace(BROKEN, (_, literal: string) => (literal === '' ? '' : BREAK));
}
