import { CliError, exitCodes } from './exit.ts';

export interface Range {
  readonly least: number;
  readonly most: number;
  readonly fraction?: boolean;
}

/** @throws CliError `usage` that names the flag and the range */
export function numberOf(
  flag: string,
  text: string | undefined,
  { least, most, fraction = false }: Range,
): number | undefined {
  if (text === undefined) return undefined;
  const value = /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : NaN;
  if (value >= least && value <= most && (fraction || Number.isSafeInteger(value))) return value;
  const kind = fraction ? 'a number' : 'a whole number';
  throw usage(`${flag} must be ${kind} from ${least} to ${most}, but is ${JSON.stringify(text)}.`);
}

/** `A..B`, or one number, which is the range's end. */
export function rangeOf(
  flag: string,
  text: string | undefined,
  range: Range,
): { readonly from: number | undefined; readonly to: number } | undefined {
  if (text === undefined) return undefined;
  const [first = '', second, ...more] = text.split('..');
  const from = second === undefined ? undefined : numberOf(flag, first, range);
  const to = numberOf(flag, second ?? first, range);
  if (to === undefined || more.length > 0 || (from ?? to) > to) {
    throw usage(`${flag} must be a number or a range A..B, but is ${JSON.stringify(text)}.`);
  }
  return { from, to };
}

export function usage(message: string): CliError {
  return new CliError(exitCodes.usage, message);
}
