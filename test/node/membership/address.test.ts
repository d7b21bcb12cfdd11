import { multiaddr } from '@multiformats/multiaddr';
import { describe, expect, test } from 'vitest';
import { peerMultiaddr } from '../../../main/node/membership/address.ts';

const id = '12D3KooWDswKyTNnmP1y48jF6rLUJa3CuEuWK9Apbz6sbiprtfVK';

describe('the address of another node', () => {
  test.each([
    ['10.0.0.2:52416', '/ip4/10.0.0.2/tcp/52416'],
    [' 10.0.0.2:052 ', '/ip4/10.0.0.2/tcp/52'],
    ['[fd00::1]:1', '/ip6/fd00::1/tcp/1'],
    ['desk.local:65535', '/dns/desk.local/tcp/65535'],
    ['/ip4/10.0.0.2/tcp/1', '/ip4/10.0.0.2/tcp/1'],
    [`/ip6/::1/tcp/7/p2p/${id}`, `/ip6/::1/tcp/7/p2p/${id}`],
  ])('%s', (typed, expected) => {
    expect(peerMultiaddr(typed)).toEqual({ ok: true, value: expected });
    // What we let through, the library can read.
    expect(multiaddr(expected).toString()).toBe(expected);
  });

  test.each([
    '',
    '10.0.0.2',
    '10.0.0.2:0',
    '10.0.0.2:65536',
    '10.0.0.256:1',
    '10.0.0:1',
    'fd00::1:1',
    '[fd00::g]:1',
    'a b:1',
    '-a:1',
    'http://desk:1',
    '/ip4/desk/tcp/1',
    '/ip4/10.0.0.2/udp/1',
    '/ip4/10.0.0.2/tcp/1/ws',
    '/ip4/10.0.0.2/tcp/1/p2p/me',
    '/ip4/10.0.0.2/tcp/99999',
    '/unix/tmp/x',
  ])('%s → refused', (typed) => {
    expect(peerMultiaddr(typed)).toEqual({
      ok: false,
      error: expect.stringMatching(/^must be IP:PORT/) as string,
    });
  });
});
