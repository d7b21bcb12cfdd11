import { isIP, isIPv4 } from 'node:net';
import { ok, refused, type Result } from '../../core/result.ts';

const MULTIADDR =
  /^\/(ip4|ip6|dns|dns4|dns6)\/([^/]+)\/tcp\/(\d{1,5})(?:\/p2p\/([1-9A-HJ-NP-Za-km-z]{40,64}))?$/;
const HOST_AND_PORT = /^(?:\[([0-9a-fA-F:.]+(?:%\w+)?)\]|([^:/\s[\]]+)):(\d{1,5})$/;
const HOST_NAME = /^(?!-)[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})*\.?$/;

/**
 * Where another node can be dialled, as people write it: `192.168.1.4:52416`, `[fe80::1]:52416`, `desk.local:52416`,
 * or a multiaddr such as `/ip4/192.168.1.4/tcp/52416/p2p/12D3Koo…`.
 * @returns the multiaddr, or for people what is wrong with it
 */
export function peerMultiaddr(text: string): Result<string, string> {
  const written = text.trim();
  const multiaddr = MULTIADDR.exec(written);
  if (multiaddr !== null) {
    const [, kind = '', host = '', port = ''] = multiaddr;
    return fits(kind, host) && isPort(port) ? ok(written) : refused(NOT_AN_ADDRESS);
  }
  const pair = HOST_AND_PORT.exec(written);
  if (pair === null) return refused(NOT_AN_ADDRESS);
  const host = pair[1] ?? pair[2] ?? '';
  const port = pair[3] ?? '';
  const kind = isIPv4(host) ? 'ip4' : isIP(host) === 6 ? 'ip6' : 'dns';
  if (!fits(kind, host) || !isPort(port)) return refused(NOT_AN_ADDRESS);
  return ok(`/${kind}/${host}/tcp/${Number(port)}`);
}

const NOT_AN_ADDRESS = 'must be IP:PORT, or a multiaddr such as /ip4/192.168.1.4/tcp/52416';

const isPort = (text: string): boolean => Number(text) >= 1 && Number(text) <= 65_535;

function fits(kind: string, host: string): boolean {
  if (kind === 'ip4') return isIPv4(host);
  if (kind === 'ip6') return isIP(host) === 6;
  // Digits and dots alone are a mistyped IP address, not a name.
  return HOST_NAME.test(host) && !/^[\d.]+$/.test(host);
}
