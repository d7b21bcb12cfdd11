import type { Connection, Stream } from '@libp2p/interface';
import { NodeId } from '../../core/id.ts';
import {
  commonProtocol,
  PEER_PROTOCOL,
  PeerWord,
  type MemberAddresses,
  type PeerHello,
  type PeerRefusalCode,
} from '../../core/contract/peer-hello.ts';
import { unreachable } from '../../core/result.ts';
import type { Clock } from '../clock.ts';
import { abortAtOnce } from './abort.ts';
import { FrameKind } from './frame.ts';
import { FrameStream } from './frame-stream.ts';
import { protocolOf } from './libp2p-host.ts';
import {
  GOODBYE_MS,
  GREETING_DEADLINE_MS,
  inboundRate,
  maxMessageBytes,
  maxWaitingBytes,
  PING_EVERY_MS,
  PROBE_DEADLINE_MS,
  SILENT_AFTER_MS,
  STALLED_AFTER_MS,
} from './limits.ts';
import type { Channel } from './network.ts';
import { partsOf } from './address.ts';
import { RateGuard } from './rate.ts';
import { RoundTrips } from './round-trips.ts';
import { deadline } from './wait.ts';

export interface Refusal {
  readonly code: PeerRefusalCode;
  readonly message: string;
}

/** How a connection ended. */
export interface LinkEnd {
  /** For people. */
  readonly reason: string;
  /** Meant so by one side: it is not dialled again at once. */
  readonly isMeant: boolean;
  /** Why one side did not want it. */
  readonly refusal?: Refusal & { readonly by: 'Us' | 'Them' };
}

/** What a link needs of the network that it belongs to. */
export interface LinkHost {
  readonly hello: (link: PeerLink) => PeerHello;
  /** Undefined = it is welcome. */
  readonly judge: (link: PeerLink) => Promise<Refusal | undefined>;
  readonly onEstablished: (link: PeerLink) => void;
  /** Once for each link. */
  readonly onEnded: (link: PeerLink, end: LinkEnd) => void;
  readonly onMessage: (link: PeerLink, channel: Channel, message: unknown) => void;
  readonly onMembers: (link: PeerLink, members: readonly MemberAddresses[]) => void;
  /** It floods, stalls or lies: the host cuts it off. */
  readonly onMisbehaved: (link: PeerLink, code: 'Flooded' | 'Stalled' | 'Lied', message: string) => void;
}

interface LinkComponents {
  readonly clock: Clock;
  readonly host: LinkHost;
}

/**
 * One connection with one node, from the first byte to the last. Who dialled opens both channels; both say hello, look at
 * the other's, and welcome or refuse it. With both welcomes it is established.
 */
export class PeerLink {
  readonly nodeId: NodeId;
  readonly isOutbound: boolean;
  readonly connection: Connection;
  /** IP address of the other end. */
  readonly remoteAddress: string;
  /** The other's; undefined until it came. */
  hello: PeerHello | undefined;
  readonly roundTrips = new RoundTrips();
  readonly #components: LinkComponents;
  readonly #gone = Promise.withResolvers<void>();
  readonly #outcome = Promise.withResolvers<LinkEnd | undefined>();
  readonly #guards: Readonly<Record<Channel, RateGuard>>;
  readonly #probes = new Set<(isAlive: boolean) => void>();
  readonly #cancelGreeting: () => void;
  #opening: Promise<void> | undefined;
  #cancelAbort: () => void = () => undefined;
  #control: FrameStream | undefined;
  #telemetry: FrameStream | undefined;
  #state: 'Greeting' | 'Established' | 'Ended' = 'Greeting';
  #welcomed = false;
  #isWelcome = false;
  #early: { readonly kind: FrameKind; readonly content: Buffer }[] = [];
  #heardAt: number;
  #pingedAt = Number.NEGATIVE_INFINITY;
  #ping = 0;

  constructor(
    components: LinkComponents,
    init: { readonly connection: Connection; readonly isOutbound: boolean },
  ) {
    const { clock } = components;
    this.#components = components;
    this.connection = init.connection;
    this.isOutbound = init.isOutbound;
    this.nodeId = NodeId.parse(init.connection.remotePeer.toString());
    this.remoteAddress = partsOf(init.connection.remoteAddr.toString())?.host ?? '';
    this.#heardAt = clock.monotonic();
    this.#guards = {
      control: new RateGuard(components, { rate: inboundRate.control }),
      telemetry: new RateGuard(components, { rate: inboundRate.telemetry }),
    };
    this.#cancelGreeting = clock.after(GREETING_DEADLINE_MS, () =>
      this.drop({ reason: 'It did not greet in time', isMeant: false }),
    );
    init.connection.addEventListener('close', () => {
      this.#gone.resolve();
      this.#cancelAbort();
      this.#end({ reason: 'Its connection closed', isMeant: false });
    });
  }

  get state(): 'Greeting' | 'Established' | 'Ended' {
    return this.#state;
  }

  /** This side agreed to the connection. */
  get hasWelcomed(): boolean {
    return this.#welcomed;
  }

  get address(): string {
    return this.connection.remoteAddr.toString();
  }

  /** Undefined once it is established, else why it never was. */
  get outcome(): Promise<LinkEnd | undefined> {
    return this.#outcome.promise;
  }

  /** The connection is closed. */
  get gone(): Promise<void> {
    return this.#gone.promise;
  }

  /** Opens the channels; for the side that dialled. May be called twice. */
  async open(): Promise<void> {
    this.#opening ??= this.#open();
    return this.#opening;
  }

  async #open(): Promise<void> {
    const limit = deadline(this.#components.clock, GREETING_DEADLINE_MS);
    try {
      for (const channel of ['control', 'telemetry'] as const) {
        const stream = await this.connection.newStream(protocolOf(channel), { signal: limit.signal });
        this.attach(channel, stream);
      }
    } catch {
      this.drop({ reason: 'It did not open its channels', isMeant: false });
    } finally {
      limit.clear();
    }
  }

  attach(channel: Channel, stream: Stream): void {
    const isSecond = channel === 'control' ? this.#control !== undefined : this.#telemetry !== undefined;
    if (this.#state === 'Ended' || isSecond) {
      stream.abort(new Error('there is such a channel already'));
      return;
    }
    const frames = new FrameStream(this.#components, {
      stream,
      kind: channel,
      listener: {
        onFrame: (kind, content) => this.#onFrame(channel, kind, content),
        onGarbage: (problem) => this.#misbehaved('Lied', `It sent ${problem}`),
        onClosed: () => this.drop({ reason: 'Its connection closed', isMeant: false }),
      },
    });
    if (channel === 'control') {
      this.#control = frames;
      this.#say(this.#components.host.hello(this));
    } else {
      this.#telemetry = frames;
      this.#establish();
    }
  }

  send(channel: Channel, text: string): boolean {
    const frames = channel === 'control' ? this.#control : this.#telemetry;
    if (this.#state !== 'Established' || frames === undefined) return false;
    if (Buffer.byteLength(text) > maxMessageBytes[channel]) return false;
    if (!frames.write(FrameKind.Json, text)) return false;
    if (channel === 'telemetry') frames.dropOldest();
    else if (frames.waitingBytes > maxWaitingBytes.control) {
      this.#misbehaved('Stalled', `It does not read: ${frames.waitingBytes} bytes wait for it`);
      return false;
    }
    return true;
  }

  sayMembers(members: readonly MemberAddresses[]): void {
    if (this.#state === 'Established') this.#say({ type: 'Members', members: [...members] });
  }

  /** A frame came on one of its streams. */
  heard(): void {
    this.#heardAt = this.#components.clock.monotonic();
  }

  /** Call it about twice a second. */
  beat(): void {
    if (this.#state !== 'Established') return;
    const now = this.#components.clock.monotonic();
    if (now - this.#heardAt > SILENT_AFTER_MS) {
      this.drop({ reason: `Nothing was heard of it for ${(now - this.#heardAt) / 1000} s`, isMeant: false });
      return;
    }
    if ((this.#control?.blockedMs ?? 0) > STALLED_AFTER_MS) {
      this.#misbehaved('Stalled', `It took nothing for ${STALLED_AFTER_MS / 1000} s`);
      return;
    }
    if (now - this.#pingedAt >= PING_EVERY_MS) this.#sendPing();
  }

  /** Whether it answers within a second. */
  async probe(): Promise<boolean> {
    if (this.#state === 'Ended') return false;
    return new Promise((resolve) => {
      const done = (isAlive: boolean): void => {
        cancel();
        this.#probes.delete(done);
        resolve(isAlive);
      };
      const cancel = this.#components.clock.after(PROBE_DEADLINE_MS, () => done(false));
      this.#probes.add(done);
      this.#sendPing();
    });
  }

  /** Ends it and says why; what was sent before arrives first, if the other side reads. */
  part(word: Refusal | 'Bye', end: LinkEnd): void {
    if (this.#state === 'Ended') return;
    this.#say(word === 'Bye' ? { type: 'Bye' } : { type: 'Refused', ...word });
    this.#cancelAbort = this.#components.clock.after(GOODBYE_MS, () =>
      abortAtOnce(this.connection, end.reason),
    );
    this.#end(end);
  }

  /** Ends it without a word. May be called twice. */
  drop(end: LinkEnd): void {
    if (this.#state === 'Ended') return;
    this.#end(end);
    abortAtOnce(this.connection, end.reason);
  }

  #end(end: LinkEnd): void {
    if (this.#state === 'Ended') return;
    this.#state = 'Ended';
    this.#cancelGreeting();
    this.#early = [];
    for (const done of [...this.#probes]) done(false);
    this.#outcome.resolve(end);
    this.#components.host.onEnded(this, end);
  }

  #say(word: PeerWord): void {
    this.#control?.write(FrameKind.Word, JSON.stringify(word));
  }

  #sendPing(): void {
    this.#pingedAt = this.#components.clock.monotonic();
    this.#ping += 1;
    this.#say({ type: 'Ping', n: this.#ping });
  }

  #misbehaved(code: 'Flooded' | 'Stalled' | 'Lied', message: string): void {
    if (this.#state !== 'Ended') this.#components.host.onMisbehaved(this, code, message);
  }

  #onFrame(channel: Channel, kind: FrameKind, content: Buffer): void {
    if (this.#state === 'Ended') return this.#afterEnd(channel, kind, content);
    this.heard();
    if (!this.#guards[channel].allows(content.length)) {
      this.#misbehaved('Flooded', `It sent more on ${channel} than any node of a cluster needs to`);
    } else if (kind === FrameKind.Word && channel === 'control') {
      this.#onWord(content);
    } else if (kind !== FrameKind.Json) {
      this.#misbehaved('Lied', `It sent a frame of kind ${kind} on ${channel}`);
    } else if (this.#state === 'Established') {
      this.#onMessage(channel, content);
    } else if (this.#isWelcome && this.#early.length < 1_000) {
      // Its channels are two streams: messages on one may overtake the opening of the other.
      if (channel === 'control') this.#early.push({ kind, content: Buffer.from(content) });
    } else {
      this.#misbehaved('Lied', 'It sent messages before its welcome');
    }
  }

  /** Both left at once: neither waits for the other any longer. */
  #afterEnd(channel: Channel, kind: FrameKind, content: Buffer): void {
    if (channel !== 'control' || kind !== FrameKind.Word) return;
    const type = parseWord(content)?.type;
    if (type === 'Bye' || type === 'Refused') abortAtOnce(this.connection, 'both sides ended it');
  }

  #onMessage(channel: Channel, content: Buffer): void {
    let message: unknown;
    try {
      message = JSON.parse(content.toString());
    } catch {
      this.#misbehaved('Lied', `It sent a message on ${channel} that is no JSON`);
      return;
    }
    this.#components.host.onMessage(this, channel, message);
  }

  #onWord(content: Buffer): void {
    const word = parseWord(content);
    switch (word?.type) {
      case undefined:
        return this.#misbehaved('Lied', 'It sent a word that no Skein of this version knows');
      case 'Hello':
        if (this.hello !== undefined) return this.#misbehaved('Lied', 'It said hello twice');
        this.hello = word;
        return void this.#consider(word);
      case 'Welcome':
        this.#isWelcome = true;
        return this.#establish();
      case 'Refused':
        this.#end({
          reason: word.message,
          isMeant: true,
          refusal: { code: word.code, message: word.message, by: 'Them' },
        });
        return abortAtOnce(this.connection, word.message);
      case 'Ping':
        return this.#say({ type: 'Pong', n: word.n });
      case 'Pong':
        if (word.n === this.#ping) {
          this.roundTrips.add(this.#components.clock.monotonic() - this.#pingedAt);
        }
        for (const done of [...this.#probes]) done(true);
        return;
      case 'Members':
        return this.#components.host.onMembers(this, word.members);
      case 'Bye':
        this.#end({ reason: 'It said goodbye', isMeant: true });
        return abortAtOnce(this.connection, 'it said goodbye');
      default:
        return unreachable(word);
    }
  }

  async #consider(hello: PeerHello): Promise<void> {
    const refusal =
      commonProtocol(PEER_PROTOCOL, hello.protocol) === undefined
        ? ({ code: 'IncompatibleVersion', message: incompatible(hello) } as const)
        : await this.#components.host.judge(this);
    if (this.#state === 'Ended') return;
    if (refusal === undefined) {
      this.#welcomed = true;
      this.#say({ type: 'Welcome' });
      this.#establish();
      return;
    }
    this.part(refusal, { reason: refusal.message, isMeant: true, refusal: { ...refusal, by: 'Us' } });
  }

  #establish(): void {
    const isReady = this.#welcomed && this.#isWelcome && this.#telemetry !== undefined;
    if (this.#state !== 'Greeting' || !isReady) return;
    this.#state = 'Established';
    this.#cancelGreeting();
    this.#components.host.onEstablished(this);
    this.#outcome.resolve(undefined);
    this.#sendPing();
    for (const { content } of this.#early.splice(0)) this.#onMessage('control', content);
  }
}

function parseWord(content: Buffer): PeerWord | undefined {
  try {
    return PeerWord.parse(JSON.parse(content.toString()));
  } catch {
    return undefined;
  }
}

function incompatible({ name, version, protocol }: PeerHello): string {
  const range = ({ oldest, newest }: PeerHello['protocol']): string =>
    oldest === newest ? `${oldest}` : `${oldest} to ${newest}`;
  return (
    `${name} runs Skein ${version}, which speaks peer protocol ${range(protocol)}; the other node speaks ${range(PEER_PROTOCOL)}. ` +
    'They can not form a cluster until the older one is updated.'
  );
}
