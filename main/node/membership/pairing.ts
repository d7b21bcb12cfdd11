import type { NodeId } from '../../core/id.ts';
import { MINUTE } from '../../core/unit.ts';
import type { Log } from '../log.ts';
import { PairingBroken, type PairingChannel } from './pairing-channel.ts';
import { newPairingCode, pairingSecret, shownCode, type PairingCode } from './pairing-code.ts';
import {
  openPairingHost,
  type PairingComponents,
  type PairingHost,
  type PairingPlace,
} from './pairing-host.ts';
import {
  Hello,
  PAIRING_PROTOCOL,
  Stored,
  welcome,
  type PairedNode,
  type PairingRefused,
  type Welcome,
} from './pairing-message.ts';

/** How long a code can be used. */
export const CODE_LIFE_MS = 5 * MINUTE;
/** After so many connections that did not know the code it is gone. */
export const MOST_GUESSES = 5;

/** `Joined`, `Expired`, `Cancelled` and `TooManyGuesses` are the end of a code. */
export type PairingState = 'Waiting' | 'Joining' | 'Joined' | 'Expired' | 'Cancelled' | 'TooManyGuesses';

/** A code and what came of it. */
export interface Pairing {
  readonly state: PairingState;
  /** As shown to people; null once it is of no use any more. */
  readonly code: string | null;
  /** Where the other node finds this one without discovery: `IP:PORT`. */
  readonly addresses: readonly string[];
  /** Epoch ms. */
  readonly expiresAt: number;
  readonly guessesLeft: number;
  /** Who is joining or has joined. */
  readonly joined: PairedNode | null;
  /** For people. */
  readonly message: string;
}

export interface PairingDeskComponents extends PairingComponents {
  readonly log: Log;
  /** Of a source that nobody can guess. */
  readonly randomBytes: (length: number) => Uint8Array;
}

export interface PairingDeskInit extends PairingPlace {
  readonly self: () => PairedNode;
  readonly fingerprint: () => string;
  /** Called before the key is handed over, e.g. to let in again who was removed. Rejects with words when it can't be now. */
  readonly admit: (joining: PairedNode) => Promise<void>;
  readonly welcome: () => Omit<Welcome, 'type'>;
  readonly lifeMs?: number;
}

/**
 * Shows codes, one at a time, and hands the cluster's key to the one node that knows the code.
 *
 * Against whom this holds, on a network where everything is heard and may be changed:
 * - *Guessing by asking*: a wrong code does not get through the handshake; five of them end the code. 5 in 2^50.
 * - *Guessing by computing*: what is heard (mDNS tag, handshake) lets codes be tried at one scrypt each (see
 *   `pairingSecret`), and the code is worth something for five minutes. Found later it opens nothing: the key travels in
 *   noise, whose session keys are drawn anew (forward secrecy).
 * - *In the middle*: needs the code, since both handshakes depend on it; with it, noise still names both ends.
 * - *Replay*: what is recorded is bound to fresh nonces and session keys. A code belongs to the first node that said hello;
 *   another one that knows it is refused, and after the success the host is gone.
 * - *Flood*: four connections at most, each with deadlines and bounded messages, and only while a code is shown.
 * Who is in the same network can make a code useless by five wrong guesses: then there are words for that, and a new code.
 */
export class PairingDesk {
  readonly #components: PairingDeskComponents;
  readonly #init: PairingDeskInit;
  #active: Offer | undefined;
  #latest: Offer | undefined;
  #opening: Promise<Offer> | undefined;

  constructor(components: PairingDeskComponents, init: PairingDeskInit) {
    this.#components = components;
    this.#init = init;
  }

  /** The newest code and what came of it; null = none was shown since the start. */
  get current(): Pairing | null {
    return this.#latest?.view ?? null;
  }

  /** Whether this node itself shows that code. */
  shows(code: PairingCode): boolean {
    return this.#active?.code === code;
  }

  /** Shows a code: the one that is shown already, or a new one. */
  async show(): Promise<Pairing> {
    if (this.#active !== undefined) return this.#active.view;
    this.#opening ??= this.#open().finally(() => (this.#opening = undefined));
    return (await this.#opening).view;
  }

  /** The code is of no use from now on. May be called twice. */
  async cancel(): Promise<void> {
    await this.#opening?.catch(() => undefined);
    await this.#active?.end('Cancelled', 'The code was taken back.');
  }

  async #open(): Promise<Offer> {
    const offer = await Offer.open(this.#components, this.#init, () => {
      if (this.#active === offer) this.#active = undefined;
    });
    this.#active = offer;
    this.#latest = offer;
    return offer;
  }
}

/** The life of one code. */
class Offer {
  readonly code: PairingCode;
  readonly #components: PairingDeskComponents;
  readonly #init: PairingDeskInit;
  readonly #onEnd: () => void;
  readonly #expiresAt: number;
  #host: PairingHost | undefined;
  #cancelExpiry: () => void = () => undefined;
  #addresses: readonly string[] = [];
  #guesses = 0;
  #state: PairingState = 'Waiting';
  #message = 'Waiting for the other node.';
  #joining: PairedNode | null = null;

  private constructor(
    components: PairingDeskComponents,
    init: PairingDeskInit,
    made: { readonly code: PairingCode; readonly onEnd: () => void },
  ) {
    this.#components = components;
    this.#init = init;
    this.#onEnd = made.onEnd;
    this.code = made.code;
    this.#expiresAt = components.clock.now() + (init.lifeMs ?? CODE_LIFE_MS);
  }

  static async open(
    components: PairingDeskComponents,
    init: PairingDeskInit,
    onEnd: () => void,
  ): Promise<Offer> {
    const code = newPairingCode(components.randomBytes);
    const offer = new Offer(components, init, { code, onEnd });
    offer.#host = await openPairingHost(components, {
      host: init.host,
      discovery: init.discovery,
      secret: await pairingSecret(code),
      onGuess: () => offer.#onGuess(),
      onChannel: (channel) => void offer.#talk(channel),
    });
    offer.#addresses = offer.#host.addresses;
    offer.#cancelExpiry = components.clock.after(init.lifeMs ?? CODE_LIFE_MS, () => {
      void offer.end('Expired', 'Nobody used the code in time; show a new one.');
    });
    return offer;
  }

  get view(): Pairing {
    const open = this.#state === 'Waiting' || this.#state === 'Joining';
    return {
      state: this.#state,
      code: open ? shownCode(this.code) : null,
      addresses: this.#addresses,
      expiresAt: this.#expiresAt,
      guessesLeft: MOST_GUESSES - this.#guesses,
      joined: this.#joining,
      message: this.#message,
    };
  }

  async end(state: PairingState, message: string): Promise<void> {
    if (this.#host === undefined) return;
    const host = this.#host;
    this.#host = undefined;
    this.#cancelExpiry();
    this.#state = state;
    this.#message = message;
    this.#onEnd();
    await host.close();
  }

  #onGuess(): void {
    if (this.#host === undefined) return;
    this.#guesses += 1;
    const { log } = this.#components;
    log.warn('Someone tried to join with a wrong pairing code', {
      attempt: `${this.#guesses} of ${MOST_GUESSES}`,
    });
    if (this.#guesses < MOST_GUESSES) return;
    void this.end(
      'TooManyGuesses',
      `${MOST_GUESSES} wrong codes were tried, so this one is of no use any more. Show a new one; if nobody here mistyped it, someone in this network is guessing.`,
    );
  }

  async #talk(channel: PairingChannel): Promise<void> {
    const { log } = this.#components;
    try {
      const hello = Hello.safeParse(await channel.receive());
      channel.send(this.#hello());
      if (!hello.success)
        throw new PairingBroken('the other node said hello in a way this one does not know');
      const refusal = this.#judge(hello.data, channel.nodeId);
      if (refusal !== null) {
        log.info('A node that knew the pairing code was not let in', {
          node: hello.data.name,
          reason: refusal.code,
        });
        channel.send({ type: 'Refused', ...refusal });
        return;
      }
      await this.#handOver(channel, hello.data);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      log.info('Pairing broke off', { from: channel.remoteAddress, reason });
      if (this.#state === 'Joining' && this.#joining?.nodeId === channel.nodeId) {
        this.#state = 'Waiting';
        this.#message = `${this.#joining.name} broke off while joining (${reason}). It can try again with this code.`;
      }
    } finally {
      await channel.close();
    }
  }

  #hello(): Hello {
    return {
      type: 'Hello',
      protocol: PAIRING_PROTOCOL,
      fingerprint: this.#init.fingerprint(),
      ...this.#init.self(),
    };
  }

  #judge(hello: Hello, provenId: NodeId): Omit<PairingRefused, 'type'> | null {
    const self = this.#init.self();
    if (provenId === self.nodeId) {
      return {
        code: 'Itself',
        message: `This node (${self.name}) and the one that shows the code have the same id: one of the data folders is a copy of the other. On the copy, delete identity.pem and start it again.`,
      };
    }
    if (hello.protocol !== PAIRING_PROTOCOL) {
      return {
        code: 'VersionMismatch',
        message: `${self.name} runs Skein ${self.version} and ${hello.name} runs ${hello.version}: they can't be paired. Bring both to the same version.`,
      };
    }
    if (hello.fingerprint === this.#init.fingerprint()) {
      return { code: 'AlreadyMember', message: `${hello.name} is a member of this cluster already.` };
    }
    if (this.#joining !== null && this.#joining.nodeId !== provenId) {
      return {
        code: 'CodeInUse',
        message: `${this.#joining.name} is joining with this code; show another code on ${self.name} for ${hello.name}.`,
      };
    }
    return null;
  }

  async #handOver(channel: PairingChannel, hello: Hello): Promise<void> {
    const { log } = this.#components;
    const joining: PairedNode = { nodeId: channel.nodeId, name: hello.name, version: hello.version };
    // From here on the code is this node's: it may try again with it, nobody else may.
    this.#joining = joining;
    this.#state = 'Joining';
    this.#message = `${joining.name} is joining.`;
    try {
      await this.#init.admit(joining);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      this.#state = 'Waiting';
      this.#message = `${joining.name} could not be let in: ${message}`;
      channel.send({ type: 'Refused', code: 'NotNow', message: this.#message });
      return;
    }
    // The code may have ended meanwhile.
    if (this.#host === undefined) return;
    channel.send(welcome(this.#init.welcome()));
    if (!Stored.safeParse(await channel.receive()).success) {
      throw new PairingBroken('the other node did not say that it stored the key');
    }
    log.info('A node joined the cluster', { node: joining.name, nodeId: joining.nodeId });
    await this.end('Joined', `${joining.name} has joined.`);
  }
}
