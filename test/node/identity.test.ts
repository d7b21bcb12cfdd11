import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { loadIdentity, nodeIdOf } from '../../main/node/identity.ts';
import { createLog } from '../../main/node/log.ts';
import type { Vault } from '../../main/node/vault.ts';
import { fakeVault } from '../support/fake-vault.ts';

const silent = createLog({ level: 'silent', now: () => 0, write: () => undefined });

function given(vault?: Vault) {
  const folder = mkdtempSync(join(tmpdir(), 'skein-identity-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'identity.pem');
  const lines: string[] = [];
  const log = createLog({ level: 'warn', now: () => 0, write: (line) => lines.push(line) });
  const load = (by = vault) => loadIdentity({ log, vault: by }, { path });
  return { folder, path, lines, load };
}

const ed25519 = (rawHex: string) =>
  createPublicKey({
    key: { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(rawHex, 'hex').toString('base64url') },
    format: 'jwk',
  });

describe('node id', () => {
  // The first key is the Ed25519 test vector of libp2p's specs/peer-ids/peer-ids.md, the second has a seed of zeros;
  // the ids are those that @libp2p/peer-id 6 gives for them.
  test.each([
    [
      '1ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e',
      '12D3KooWBtg3aaRMjxwedh83aGiUkwSxDwUZkzuJcfaqUmo7R3pq',
    ],
    [
      '3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29',
      '12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN',
    ],
  ])('of the public key %s is %s', (raw, id) => {
    expect(nodeIdOf(ed25519(raw))).toBe(id);
  });

  test('of another kind of key → an error', () => {
    expect(() => nodeIdOf(generateKeyPairSync('x25519').publicKey)).toThrow(/not an Ed25519 key/);
  });
});

const vaults: [string, Vault | undefined][] = [
  ['that lies plain', undefined],
  ['that is sealed', fakeVault()],
];

describe.each(vaults)('an identity %s', (_how, vault) => {
  test('none yet → drawn, kept for its owner alone, nothing else left behind', () => {
    const { folder, path, lines, load } = given(vault);
    const { nodeId } = load();
    expect(nodeId).toMatch(/^12D3KooW/);
    expect([statSync(path).mode & 0o777, readdirSync(folder), lines]).toEqual([0o600, ['identity.pem'], []]);
  });

  test('after a restart → the same', () => {
    const { load } = given(vault);
    expect(load().nodeId).toBe(load().nodeId);
  });

  test('a creation that was interrupted → done anew', () => {
    const { path, load } = given(vault);
    writeFileSync(`${path}.new`, '-----BEGIN PRIV');
    expect(load().nodeId).toBe(load().nodeId);
  });

  test('readable for others → put right, with a warning', () => {
    const { path, lines, load } = given(vault);
    const { nodeId } = load();
    chmodSync(path, 0o644);
    expect(load().nodeId).toBe(nodeId);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(lines).toEqual([expect.stringContaining('now only its owner can')]);
  });

  test.each<[string, string | Buffer]>([
    ['empty', ''],
    ['text', 'hello'],
    ['half a key', '-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEI'],
    ['bytes', Buffer.alloc(300, 7)],
    ['too long', Buffer.alloc(100_000, 65)],
    [
      'a key of another kind',
      generateKeyPairSync('x25519').privateKey.export({ type: 'pkcs8', format: 'pem' }),
    ],
  ])('a file that is %s → refused, and left as it is', (_name, content) => {
    const { path, load } = given(vault);
    writeFileSync(path, content, { mode: 0o600 });
    expect(() => load()).toThrow(
      expect.objectContaining({ name: 'IdentityError', message: expect.stringContaining(path) as string }),
    );
    expect(readFileSync(path)).toEqual(Buffer.from(content));
  });

  test('a folder in its place → refused', () => {
    const { path, load } = given(vault);
    mkdirSync(path);
    expect(() => load()).toThrow(/it is not a key file/);
  });
});

describe('an identity and a vault', () => {
  const kept = (path: string): string => readFileSync(path, 'utf8');
  const isPlain = (path: string): boolean => kept(path).startsWith('-----BEGIN PRIVATE KEY-----');

  test('drawn with a vault → nothing of the key can be read in its file', () => {
    const { path, load } = given(fakeVault());
    const body = load().privateKey.export({ type: 'pkcs8', format: 'der' }).toString('base64');
    expect(kept(path)).toMatch(
      /^-----BEGIN SKEIN SEALED KEY-----\n[\w+/=]+\n-----END SKEIN SEALED KEY-----\n$/,
    );
    expect(kept(path)).not.toContain(body.slice(-20));
  });

  test('plain, then with a vault → the same key, sealed, for its owner alone, and stays so', () => {
    const { folder, path, load } = given();
    const { nodeId } = load();
    expect([load(fakeVault()).nodeId, load(fakeVault()).nodeId, isPlain(path)]).toEqual([
      nodeId,
      nodeId,
      false,
    ]);
    expect([statSync(path).mode & 0o777, readdirSync(folder)]).toEqual([0o600, ['identity.pem']]);
  });

  test('a crash before the sealed one took its place → the plain one still counts, and is sealed then', () => {
    const { folder, path, load } = given();
    const { nodeId } = load();
    writeFileSync(`${path}.new`, '-----BEGIN SKEIN SEALED KEY-----\nAAAA');
    expect([load(fakeVault()).nodeId, isPlain(path), readdirSync(folder)]).toEqual([
      nodeId,
      false,
      ['identity.pem'],
    ]);
  });

  test('a crash before a plain one took the place of a sealed one → it lies there no longer', () => {
    const { folder, path, load } = given(fakeVault());
    load();
    writeFileSync(`${path}.new`, '-----BEGIN PRIVATE KEY-----');
    load();
    expect(readdirSync(folder)).toEqual(['identity.pem']);
  });

  test('sealed, then with a vault that only opens → the same key, plain, and fine without a vault', () => {
    const { path, load } = given(fakeVault());
    const { nodeId } = load();
    const { open } = fakeVault();
    expect([load({ open }).nodeId, isPlain(path)]).toEqual([nodeId, true]);
    expect(loadIdentity({ log: silent }, { path }).nodeId).toBe(nodeId);
  });

  test.each<[string, Vault | undefined, RegExp]>([
    ['no vault', undefined, /the Skein app sealed it .*SKEIN_PLAIN_SECRETS=1/],
    ['the vault of another entry', fakeVault('other'), /does not open it .*removed from the keychain/],
    ['one of another entry that only opens', { open: fakeVault('other').open }, /does not open it/],
  ])('sealed, then with %s → refused for people, and left as it is', (_name, vault, says) => {
    const { folder, path, load } = given(fakeVault());
    load();
    const before = kept(path);
    const again = (): unknown => loadIdentity({ log: silent, vault }, { path });
    expect(again).toThrow(expect.objectContaining({ name: 'IdentityError' }));
    expect(again).toThrow(says);
    expect(again).toThrow(path);
    expect([kept(path), readdirSync(folder)]).toEqual([before, ['identity.pem']]);
  });

  test.each<[string, Vault]>([
    [
      'can not seal',
      {
        ...fakeVault(),
        seal: () => {
          throw new Error('the keychain is locked');
        },
      },
    ],
    ['would not open again what it sealed', { seal: fakeVault('one').seal, open: fakeVault('two').open }],
  ])('plain, then with a vault that %s → refused, and the plain one stays', (_name, vault) => {
    const { folder, path, load } = given();
    const { nodeId } = load();
    expect(() => load(vault)).toThrow(/keychain/);
    expect([load().nodeId, isPlain(path), readdirSync(folder)]).toEqual([nodeId, true, ['identity.pem']]);
  });
});
