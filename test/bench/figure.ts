/** One measured quantity: its samples in order, and what became of them. */
export interface Figure {
  /** Unique within a report; a path of words, e.g. `create → Ready, file verified`. */
  readonly name: string;
  readonly unit: Unit;
  /** What the report is about: the median of the samples unless `note` says otherwise. */
  readonly value: number;
  readonly samples: readonly number[];
  /** Absent = for information. */
  readonly aim?: Aim;
  readonly note?: string;
}

/** `MB` is 10^6 bytes; `×` is a ratio. */
export type Unit = 'ms' | 'tok/s' | 'MB' | '×' | '/s' | '%' | 'times';

export type Aim =
  { readonly type: 'Below'; readonly limit: number } | { readonly type: 'AtLeast'; readonly limit: number };

export const below = (limit: number): Aim => ({ type: 'Below', limit });
export const atLeast = (limit: number): Aim => ({ type: 'AtLeast', limit });

/** A figure that is the median of its samples. */
export function figureOf(
  name: string,
  unit: Unit,
  samples: readonly number[],
  about: Pick<Figure, 'aim' | 'note'> = {},
): Figure {
  return { name, unit, value: median(samples), samples, ...about };
}

/** Undefined for a figure that has no aim. */
export function isReached({ aim, value }: Pick<Figure, 'aim' | 'value'>): boolean | undefined {
  if (aim === undefined) return undefined;
  return aim.type === 'Below' ? value < aim.limit : value >= aim.limit;
}

/** The middle sample, or the mean of the two in the middle. Throws when there is none, or one that is no number. */
export function median(samples: readonly number[]): number {
  if (!samples.every(Number.isFinite)) throw new RangeError(`not measured: ${samples.join(', ')}`);
  const sorted = samples.toSorted((one, other) => one - other);
  const middle = sorted.length / 2;
  const upper = sorted[Math.floor(middle)];
  const lower = sorted[Math.ceil(middle) - 1];
  if (upper === undefined || lower === undefined) throw new RangeError('no samples: nothing was measured');
  return (lower + upper) / 2;
}

/** The smallest sample that at least `percent` of all do not exceed (nearest rank). Throws when there is none. */
export function percentile(samples: readonly number[], percent: number): number {
  const sorted = samples.toSorted((one, other) => one - other);
  const sample = sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)];
  if (sample === undefined) throw new RangeError('no samples: nothing was measured');
  return sample;
}
