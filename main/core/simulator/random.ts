const FIRST_SALT = 0x9e3779b9;

/** A repeatable stream of numbers (mulberry32): the same seed gives the same numbers on every machine. */
export class SeededRandom {
  #state: number;

  /** @param seed any integer; seeds that differ give unrelated streams */
  constructor(seed: number) {
    const low = seed >>> 0;
    // Word by word: `mixed` keeps words of 16 bits apart, of longer ones it takes a quarter for others.
    this.#state =
      mixed(low & 0xffff, FIRST_SALT) ^
      mixed(low >>> 16, 0x85ebca6b) ^
      mixed(Math.floor(seed / 2 ** 32) >>> 0, 0xc2b2ae35);
  }

  /** In [0, 1). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    return mixed(this.#state, 61) / 2 ** 32;
  }

  /** In [from, to); `from` where both are the same. */
  between(from: number, to: number): number {
    return from + this.next() * (to - from);
  }

  /** A whole number from 0 to `count - 1`. */
  below(count: number): number {
    return Math.floor(this.next() * count);
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  /** @throws Error when there is nothing to pick from */
  pick<Item>(from: readonly Item[]): Item {
    const picked = from[this.below(from.length)];
    if (picked === undefined) throw new Error('there is nothing to pick from');
    return picked;
  }

  /** A stream of its own: what it draws does not shift what others draw. */
  fork(): SeededRandom {
    const stream = new SeededRandom(0);
    stream.#state = mixed(this.below(2 ** 32), FIRST_SALT);
    return stream;
  }
}

function mixed(value: number, salt: number): number {
  let bits = Math.imul(value ^ (value >>> 15), value | 1);
  bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | salt);
  return (bits ^ (bits >>> 14)) >>> 0;
}
