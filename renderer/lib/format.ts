export { formatAgo, formatBytes, formatDuration } from '../../main/core/unit.ts';

/** A rate for people: `900 Mbit/s`, `40 Gbit/s`. */
export function formatBandwidth(bitsPerSecond: number): string {
  if (bitsPerSecond >= 1e9) return `${Number((bitsPerSecond / 1e9).toPrecision(2))} Gbit/s`;
  if (bitsPerSecond >= 1e6) return `${Math.round(bitsPerSecond / 1e6)} Mbit/s`;
  return `${Math.round(bitsPerSecond / 1e3)} kbit/s`;
}

/** `0.3 ms`, `12 ms`. */
export const formatLatency = (ms: number): string => `${ms < 10 ? ms.toPrecision(2) : Math.round(ms)} ms`;

/** `14:03:12` in the reader's time zone. */
export const formatTime = (at: number): string =>
  new Date(at).toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
