import { createHash, scrypt } from 'node:crypto';
import { CLUSTER_KEY_BYTES } from './cluster-key.ts';

/** Crockford's: no I, L, O and U, which are taken for 1, 1, 0 and V (https://www.crockford.com/base32.html). */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const DIGITS = 10;
const HALF = DIGITS / 2;

/** Ten digits without a dash: 50 bits. */
export type PairingCode = string & { readonly brand: 'PairingCode' };

/** @param randomBytes of a source that nobody can guess */
export function newPairingCode(randomBytes: (length: number) => Uint8Array): PairingCode {
  const digits = [...randomBytes(DIGITS)].map((byte) => ALPHABET[byte & 31]);
  return digits.join('') as PairingCode;
}

/** As people read it out, e.g. `K7QM2-X9F4T`. */
export const shownCode = (code: PairingCode): string => `${code.slice(0, HALF)}-${code.slice(HALF)}`;

/** Takes small letters, dashes and spaces anywhere, and O, I and L for what they were read from. Undefined = it is no code. */
export function pairingCodeOf(text: string): PairingCode | undefined {
  if (text.length > 64) return undefined;
  const digits = text.toUpperCase().replace(/[\s-]/g, '').replaceAll('O', '0').replace(/[IL]/g, '1');
  const valid = digits.length === DIGITS && [...digits].every((digit) => ALPHABET.includes(digit));
  return valid ? (digits as PairingCode) : undefined;
}

/** What the two sides of a pairing share, and nobody else has. */
export interface PairingSecret {
  /** Key of the private network that the two meet in. */
  readonly networkKey: Uint8Array;
  /** Name of the mDNS service under which the joining node finds the other. */
  readonly serviceTag: string;
}

/** 32 MiB and about 0.1 s on one core: each guess costs an attacker as much. */
const COST = { N: 2 ** 15, r: 8, p: 1, maxmem: 64 * 1024 * 1024 };

/**
 * There is no salt but a fixed one, because the code is all that the joining node has. The service tag is public: who
 * hears it can try codes against it without talking to anybody, at the cost of one scrypt each. All 2^50 of them are
 * about three million years of one core, and the code lives for minutes.
 */
export function pairingSecret(code: PairingCode): Promise<PairingSecret> {
  return new Promise((resolve, reject) => {
    scrypt(code, 'skein pairing 1', CLUSTER_KEY_BYTES, COST, (error, key) => {
      if (error !== null) {
        reject(error);
        return;
      }
      const tag = createHash('sha256').update('skein pairing tag').update(key).digest('hex').slice(0, 20);
      resolve({ networkKey: new Uint8Array(key), serviceTag: `_skein-${tag}._udp.local` });
    });
  });
}
