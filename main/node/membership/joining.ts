import { unreachable, ok, refused, type Result } from '../../core/result.ts';
import type { PairingChannel } from './pairing-channel.ts';
import { pairingSecret, type PairingCode } from './pairing-code.ts';
import {
  callPairingHost,
  type PairingComponents,
  type PairingDialFailure,
  type PairingPlace,
} from './pairing-host.ts';
import { Hello, HostAnswer, PAIRING_PROTOCOL, type PairedNode, type Welcome } from './pairing-message.ts';

/** How long a node that shows the code is looked for in the local network. */
export const SEARCH_MS = 10_000;

/** Why a node did not join. `code` is stable; `message` says what happened and what helps. */
export interface JoinRefusal {
  readonly code:
    | 'NobodyFound'
    | 'Unreachable'
    | 'WrongCode'
    | 'VersionMismatch'
    | 'AlreadyMember'
    | 'CodeInUse'
    | 'Itself'
    | 'NotNow'
    | 'BrokenOff';
  readonly message: string;
}

export interface JoinInit extends PairingPlace {
  readonly code: PairingCode;
  /** Multiaddr of the node that shows the code; undefined = it is looked for. */
  readonly at: string | undefined;
  readonly self: PairedNode;
  /** Of the key this node has now. */
  readonly fingerprint: string;
  /** Puts the key on the disk, as a whole or not at all; what it throws ends the joining. */
  readonly store: (welcome: Welcome, from: PairedNode) => void;
  readonly searchMs?: number;
}

export interface Fetched {
  readonly welcome: Welcome;
  /** Who let this node in. */
  readonly from: PairedNode;
}

/** Meets the node that shows the code, gets the cluster's key and stores it. Nothing is changed unless it is `ok`. */
export async function fetchKey(
  components: PairingComponents,
  init: JoinInit,
): Promise<Result<Fetched, JoinRefusal>> {
  if (init.at === undefined && !init.discovery) {
    return refused({
      code: 'NobodyFound',
      message:
        'This node does not look for others (--no-discovery): give the address that `skein pair` shows with the code, as `--peer IP:PORT`.',
    });
  }
  const secret = await pairingSecret(init.code);
  const call = await callPairingHost(components, { ...init, secret, searchMs: init.searchMs ?? SEARCH_MS });
  if (!call.ok) return refused({ code: call.error, message: wordsFor(call.error, init.at) });
  try {
    return await talk(call.value.channel, init);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return refused({
      code: 'BrokenOff',
      message: `Joining broke off: ${reason}. This node stays as it was; try again with the same code.`,
    });
  } finally {
    await call.value.channel.close();
    await call.value.close();
  }
}

async function talk(channel: PairingChannel, init: JoinInit): Promise<Result<Fetched, JoinRefusal>> {
  const { self } = init;
  channel.send({ type: 'Hello', protocol: PAIRING_PROTOCOL, fingerprint: init.fingerprint, ...self });
  const hello = Hello.parse(await channel.receive());
  const from: PairedNode = { nodeId: channel.nodeId, name: hello.name, version: hello.version };
  const answer = HostAnswer.safeParse(await channel.receive());
  if (!answer.success) throw new Error(`${from.name} answered in a way this node does not know`);
  if (answer.data.type === 'Refused') {
    const { code, message } = answer.data;
    return refused({ code, message });
  }
  init.store(answer.data, from);
  channel.send({ type: 'Stored' });
  return ok({ welcome: answer.data, from });
}

function wordsFor(failure: PairingDialFailure, at: string | undefined): string {
  switch (failure) {
    case 'NobodyFound':
      return (
        'No node that shows this code was found in the local network. Is the code still shown (`skein pair`), and typed as it is shown? ' +
        'Some networks keep computers from finding each other (mDNS), and macOS asks once whether Skein may: System Settings, ' +
        'Privacy & Security, Local Network. The address that `skein pair` shows helps in both cases: `skein join CODE --peer IP:PORT`.'
      );
    case 'Unreachable':
      return at === undefined
        ? 'The node that shows the code was found, but none of its addresses can be reached. Is a firewall in between? `skein join CODE --peer IP:PORT` tries one address.'
        : `Nobody shows a code at ${at.replace(/^\/\w+\/(.+)\/tcp\/(\d+).*$/, '$1 port $2')}: it was used, it expired or was taken back after 5 wrong ones, or the address is wrong or behind a firewall. \`skein pair\` shows a new one with its address.`;
    case 'WrongCode':
      return 'Another code is shown there, or none: that port may be for members only. Type code and address as `skein pair` shows them now. After 5 wrong ones a code is of no use any more.';
    case 'Itself':
      return 'This is the code, or a copy of the data folder, of this very node: type the code of another one.';
    default:
      return unreachable(failure);
  }
}
