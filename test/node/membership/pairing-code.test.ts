import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  newPairingCode,
  pairingCodeOf,
  pairingSecret,
  shownCode,
  type PairingCode,
} from '../../../main/node/membership/pairing-code.ts';

describe('a pairing code', () => {
  test('has 50 random bits, in digits that nobody confuses', () => {
    const codes = Array.from({ length: 2_000 }, () => newPairingCode(randomBytes));
    expect(new Set(codes).size).toBe(codes.length);
    for (const place of Array(10).keys()) {
      const seen = new Set(codes.map((code) => code[place]));
      expect(seen.size).toBe(32);
      for (const confusing of 'ILOU') expect(seen).not.toContain(confusing);
    }
    expect(shownCode('K7QM2X9F4T' as PairingCode)).toBe('K7QM2-X9F4T');
  });

  test.each<[string, string, string | undefined]>([
    ['as it is shown', 'K7QM2-X9F4T', 'K7QM2X9F4T'],
    ['in small letters, without a dash', 'k7qm2x9f4t', 'K7QM2X9F4T'],
    ['with spaces and dashes anywhere', ' k7-qm2 x9f4-t ', 'K7QM2X9F4T'],
    ['with letters for digits', 'o1IlL-OOO00', '0111100000'],
    ['one digit short', 'K7QM2-X9F4', undefined],
    ['one digit long', 'K7QM2-X9F4TT', undefined],
    ['with a letter that no code has', 'U7QM2-X9F4T', undefined],
    ['empty', '', undefined],
    ['endless', '0'.repeat(100_000), undefined],
  ])('typed %s', (_name, typed, expected) => {
    expect(pairingCodeOf(typed)).toBe(expected);
  });

  test('whatever is typed, it is a code or none', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (typed) => {
        const code = pairingCodeOf(typed);
        if (code !== undefined) expect(pairingCodeOf(shownCode(code))).toBe(code);
      }),
    );
  });

  test('gives both sides the same secret; another code gives another; the tag shows neither', async () => {
    const [one, again, other] = await Promise.all(
      ['K7QM2X9F4T', 'K7QM2X9F4T', 'K7QM2X9F4S'].map((code) => pairingSecret(code as PairingCode)),
    );
    expect(one).toEqual(again);
    expect(one!.networkKey).toHaveLength(32);
    expect(other!.serviceTag).not.toBe(one!.serviceTag);
    expect(Buffer.from(other!.networkKey).equals(one!.networkKey)).toBe(false);
    expect(one!.serviceTag).toMatch(/^_skein-[0-9a-f]{20}\._udp\.local$/);
    expect(Buffer.from(one!.networkKey).toString('hex')).not.toContain(one!.serviceTag.slice(7, 27));
  });
});
