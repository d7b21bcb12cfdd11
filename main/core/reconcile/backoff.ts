/**
 * Exponential delay with a jitter of ±20 %, so that many MetaInstances do not return at one moment.
 * @param failures how many went before, starting at 0: the delay is `base · 2^failures`, at most `cap`, jitter included
 * @param random in [0, 1)
 * @returns milliseconds
 */
export function backoffMs(init: { failures: number; baseMs: number; capMs: number; random: number }): number {
  const { failures, baseMs, capMs, random } = init;
  const nominal = Math.min(capMs, baseMs * 2 ** Math.min(failures, 30));
  return Math.min(capMs, Math.round(nominal * (0.8 + 0.4 * random)));
}
