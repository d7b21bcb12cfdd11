/** Times are milliseconds, sizes are bytes, everywhere; names end in `Ms`, `At` (epoch ms) or `Bytes`. */
export const SECOND = 1_000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;
export const KiB = 1024;
export const MiB = 1024 * KiB;
export const GiB = 1024 * MiB;

/** A size for people, three significant digits: `92.9 MiB`, `1.5 GiB`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (Math.abs(value) >= 1023.5 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  // From 999.5 on, three digits would need an exponent.
  const whole = unit === 0 || Math.abs(value) >= 999.5;
  return `${whole ? Math.round(value) : value.toPrecision(3)} ${units[unit] ?? ''}`;
}

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
