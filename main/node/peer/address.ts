import { isIPv4, isIPv6 } from 'node:net';

/** `/ip4/192.168.1.5/tcp/52416/p2p/12D3…` in its parts; undefined = not an address over TCP. */
export function partsOf(
  address: string,
): { readonly host: string; readonly port: number; readonly peerId: string | undefined } | undefined {
  const [, kind = '', host = '', tcp, port = '', p2p, peerId] = address.split('/');
  const fits = kind === 'ip4' ? isIPv4(host) : kind === 'ip6' ? isIPv6(host) : kind.startsWith('dns');
  if (!fits || tcp !== 'tcp' || !/^\d{1,5}$/.test(port)) return undefined;
  return { host, port: Number(port), peerId: p2p === 'p2p' ? peerId : undefined };
}

export const withoutPeerId = (address: string): string => address.replace(/\/p2p\/[^/]+$/, '');

export const isLoopback = (host: string): boolean => host === '::1' || host.startsWith('127.');

/**
 * Addresses that another node told of and this one can dial: over TCP, not link-local IPv6 (which says nothing without
 * an interface), and loopback only when that node is on this computer.
 */
export function dialable(addresses: readonly string[], isSameComputer: boolean): readonly string[] {
  return addresses.map(withoutPeerId).filter((address) => {
    const host = partsOf(address)?.host.toLowerCase();
    if (host === undefined || host.startsWith('fe80:')) return false;
    return isSameComputer || !isLoopback(host);
  });
}
