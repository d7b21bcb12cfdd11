import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { base58btc } from 'multiformats/bases/base58';
import { identity } from 'multiformats/hashes/identity';
import { NodeId } from '../core/id.ts';
import type { Log } from './log.ts';

export interface Identity {
  /** The libp2p peer id of the key. */
  readonly nodeId: NodeId;
  /** Ed25519. */
  readonly privateKey: KeyObject;
}

/** The key file can't be used. It was left as it is: replacing it would make this computer another node. */
export class IdentityError extends Error {
  override readonly name = 'IdentityError';
}

const OWNER_ONLY = 0o600;
const LONGEST_KEY_BYTES = 16 * 1024;

/**
 * Reads the node's key, or draws one when there is none. Wrong permissions are put right, with a warning.
 * The data folder must be locked. Throws `IdentityError`.
 */
export function loadIdentity(components: { readonly log: Log }, init: { readonly path: string }): Identity {
  const { path } = init;
  try {
    const entry = statSync(path, { throwIfNoEntry: false });
    if (entry === undefined) return create(path);
    if (!entry.isFile() || entry.size > LONGEST_KEY_BYTES) throw new Error('it is not a key file');
    if ((entry.mode & 0o077) !== 0) {
      chmodSync(path, OWNER_ONLY);
      components.log.warn("Other users could read this node's key; now only its owner can", { path });
    }
    const privateKey = createPrivateKey(readFileSync(path));
    if (privateKey.asymmetricKeyType !== 'ed25519') throw new Error('it holds no Ed25519 key');
    return { nodeId: nodeIdOf(privateKey), privateKey };
  } catch (error) {
    throw new IdentityError(
      `This node's key ${path} can't be used: ${(error as Error).message}. Put back a copy of it, or move it away; ` +
        `without it, this computer gets a new key and joins as a new node.`,
      { cause: error },
    );
  }
}

function create(path: string): Identity {
  const { privateKey } = generateKeyPairSync('ed25519');
  const fresh = `${path}.new`;
  const file = openSync(fresh, 'w', OWNER_ONLY);
  try {
    writeFileSync(file, privateKey.export({ type: 'pkcs8', format: 'pem' }));
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(fresh, path);
  return { nodeId: nodeIdOf(privateKey), privateKey };
}

/**
 * The peer id of an Ed25519 key: base58btc of the identity multihash of the protobuf `{Type: Ed25519, Data: key}`,
 * as of https://github.com/libp2p/specs/blob/master/peer-ids/peer-ids.md.
 */
export function nodeIdOf(key: KeyObject): NodeId {
  const publicKey = key.type === 'public' ? key : createPublicKey(key);
  const { x } = publicKey.export({ format: 'jwk' });
  const raw = Buffer.from(x ?? '', 'base64url');
  if (publicKey.asymmetricKeyType !== 'ed25519' || raw.length !== 32) throw new Error('not an Ed25519 key');
  const protobuf = Buffer.concat([Buffer.from([0x08, 0x01, 0x12, raw.length]), raw]);
  return NodeId.parse(base58btc.baseEncode(identity.digest(protobuf).bytes));
}
