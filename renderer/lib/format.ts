export { formatBytes } from '../../main/core/unit.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** `4 s`, `2 min`, `3 h 20 min`, `2 days`: as exact as anyone needs it. */
export function formatDuration(ms: number): string {
  const positive = Math.max(0, ms);
  if (positive < MINUTE) return `${Math.round(positive / SECOND)} s`;
  if (positive < HOUR) return `${Math.round(positive / MINUTE)} min`;
  if (positive < DAY) {
    const minutes = Math.floor((positive % HOUR) / MINUTE);
    return `${Math.floor(positive / HOUR)} h${minutes === 0 ? '' : ` ${minutes} min`}`;
  }
  const days = Math.floor(positive / DAY);
  return days === 1 ? '1 day' : `${days} days`;
}

/** `just now`, `12 s ago`, `3 min ago`. */
export function formatAgo(at: number, now: number): string {
  const ms = now - at;
  return ms < 2 * SECOND ? 'just now' : `${formatDuration(ms)} ago`;
}

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
