import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { base58btc } from 'multiformats/bases/base58';
import { identity } from 'multiformats/hashes/identity';
import { NodeId } from '../core/id.ts';
import type { Log } from './log.ts';
import { readPrivateFile, writePrivateFile } from './private-file.ts';
import { isOutdated, sealed, SEALED_TEXT, unsealed, type Vault } from './vault.ts';

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

const BEGIN = '-----BEGIN SKEIN SEALED KEY-----';
const END = '-----END SKEIN SEALED KEY-----';

/**
 * Reads the node's key, or draws one when there is none. Wrong permissions are put right, with a warning; a key that lies
 * plain is sealed where there is a vault. The data folder must be locked. Throws `IdentityError`.
 */
export function loadIdentity(
  components: { readonly log: Log; readonly vault?: Vault | undefined },
  init: { readonly path: string },
): Identity {
  const { log, vault } = components;
  const { path } = init;
  try {
    const text = readPrivateFile(path, {
      onExposed: () => log.warn("Other users could read this node's key; now only its owner can", { path }),
    });
    if (text === undefined) return create(vault, path);
    const shut = sealedIn(text);
    const privateKey = createPrivateKey(shut === undefined ? text : unsealed(vault, shut));
    if (privateKey.asymmetricKeyType !== 'ed25519') throw new Error('it holds no Ed25519 key');
    if (isOutdated(vault, shut !== undefined)) store(vault, path, privateKey);
    return { nodeId: nodeIdOf(privateKey), privateKey };
  } catch (error) {
    throw new IdentityError(
      `This node's key ${path} can't be used: ${(error as Error).message}. Put back a copy of it, or move it away; ` +
        `without it, this computer gets a new key and joins as a new node.`,
      { cause: error },
    );
  }
}

function create(vault: Vault | undefined, path: string): Identity {
  const { privateKey } = generateKeyPairSync('ed25519');
  store(vault, path, privateKey);
  return { nodeId: nodeIdOf(privateKey), privateKey };
}

function store(vault: Vault | undefined, path: string, privateKey: KeyObject): void {
  const plain = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const shut = sealed(vault, plain);
  writePrivateFile(path, shut === undefined ? plain : `${BEGIN}\n${shut}\n${END}\n`);
}

/** Undefined = a key that lies plain, or no key at all. */
function sealedIn(text: string): string | undefined {
  const [begin, shut = '', end, ...rest] = text.trimEnd().split('\n');
  return begin === BEGIN && end === END && rest.length === 0 && SEALED_TEXT.test(shut) ? shut : undefined;
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
