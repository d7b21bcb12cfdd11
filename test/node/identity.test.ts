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

function given() {
  const folder = mkdtempSync(join(tmpdir(), 'skein-identity-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'identity.pem');
  const lines: string[] = [];
  const log = createLog({ level: 'warn', now: () => 0, write: (line) => lines.push(line) });
  return { folder, path, lines, load: () => loadIdentity({ log }, { path }) };
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

describe('identity', () => {
  test('none yet → drawn, kept for its owner alone, nothing else left behind', () => {
    const { folder, path, lines, load } = given();
    const { nodeId } = load();
    expect(nodeId).toMatch(/^12D3KooW/);
    expect([statSync(path).mode & 0o777, readdirSync(folder), lines]).toEqual([0o600, ['identity.pem'], []]);
  });

  test('after a restart → the same', () => {
    const { load } = given();
    expect(load().nodeId).toBe(load().nodeId);
  });

  test('a creation that was interrupted → done anew', () => {
    const { path, load } = given();
    writeFileSync(`${path}.new`, '-----BEGIN PRIV');
    expect(load().nodeId).toBe(load().nodeId);
  });

  test('readable for others → put right, with a warning', () => {
    const { path, lines, load } = given();
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
    const { path, load } = given();
    writeFileSync(path, content, { mode: 0o600 });
    expect(load).toThrow(
      expect.objectContaining({ name: 'IdentityError', message: expect.stringContaining(path) as string }),
    );
    expect(readFileSync(path)).toEqual(Buffer.from(content));
  });

  test('a folder in its place → refused', () => {
    const { path, load } = given();
    mkdirSync(path);
    expect(load).toThrow(/it is not a key file/);
  });
});
