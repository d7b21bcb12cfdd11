import { IpAddress } from '../../core/hardware.ts';

/** Lower case, without zone or prefix length, IPv4 inside IPv6 as IPv4; undefined for what is no address. */
export function plainAddress(text: string): string | undefined {
  const bare = text.toLowerCase().replace(/[%/].*$/, '');
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(bare)?.[1];
  const parsed = IpAddress.safeParse(mapped ?? bare);
  return parsed.success ? parsed.data : undefined;
}

/** At most `most` different addresses, in order. */
export function plainAddresses(texts: readonly string[], most: number): readonly string[] {
  return [...new Set(texts.flatMap((text) => plainAddress(text) ?? []))].slice(0, most);
}
