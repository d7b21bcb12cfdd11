import type { Libp2p } from '@libp2p/interface';
import type { NodeId } from '../../core/id.ts';
import type { Clock } from '../clock.ts';
import type { AddressBook } from './address-book.ts';
import { partsOf, withoutPeerId } from './address.ts';
import { dialProblem } from './dial-problem.ts';
import type { DialOutcome, Target } from './dialer.ts';
import { ADDRESS_DEADLINE_MS, ADDRESS_TURN_MS, DIAL_DEADLINE_MS, PENALTY_MS } from './limits.ts';
import type { PeerLinks } from './peer-links.ts';
import type { Refusals } from './refusals.ts';
import { deadline, within } from './wait.ts';

interface ReachComponents {
  readonly clock: Clock;
  readonly book: AddressBook;
  readonly links: PeerLinks;
  readonly refusals: Refusals;
}

interface ReachInit {
  readonly selfId: NodeId;
  /** Undefined = not started, or between two clusters. */
  readonly libp2p: () => Libp2p | undefined;
  /** Where others can dial this node. */
  readonly listening: () => readonly string[];
}

/** Single attempts to connect with a node or with whoever is at an address, and what came of them in words for people. */
export class Reach {
  readonly #components: ReachComponents;
  readonly #init: ReachInit;

  constructor(components: ReachComponents, init: ReachInit) {
    this.#components = components;
    this.#init = init;
  }

  /** Names it among those that were refused, for as long as it does not answer. */
  unreachable(target: Target, problem: string): void {
    const { book, refusals } = this.#components;
    // Who is known to be at an address is one and the same, whichever of the two is looked for.
    const nodeId = 'nodeId' in target ? target.nodeId : (book.nodeAt(target.address) ?? null);
    const address = 'nodeId' in target ? (book.placesOf(target.nodeId)[0] ?? '') : target.address;
    refusals.add({ code: 'Unreachable', nodeId, address, message: problem });
  }

  /** Whoever is meant is connected, or must not be dialled. */
  isSettled(target: Target): boolean {
    if (this.#init.libp2p() === undefined) return true;
    if ('nodeId' in target) {
      const { links, refusals } = this.#components;
      return links.linkTo(target.nodeId) !== undefined || refusals.obstacle(target.nodeId) === 'Removed';
    }
    const { address } = target;
    const parts = partsOf(address);
    return this.#components.links.peers.some(
      ({ nodeId }) =>
        parts?.peerId === nodeId ||
        this.#components.book.addressesOf(nodeId).some((known) => {
          const reached = partsOf(known);
          return reached?.host === parts?.host && reached?.port === parts?.port;
        }),
    );
  }

  /** @param attempt how often it failed before: each has more time, as a busy computer may need */
  async target(target: Target, attempt: number): Promise<DialOutcome> {
    const limitMs = Math.min(ADDRESS_DEADLINE_MS * (attempt + 1), DIAL_DEADLINE_MS);
    if (!('nodeId' in target)) return this.#address(target.address, { limitMs });
    return this.#first(target.nodeId, this.#components.book.placesOf(target.nodeId), limitMs);
  }

  /** Address after address, each a moment after the one before without waiting for its end: most that are dead are silent. */
  async #first(nodeId: NodeId, addresses: readonly string[], limitMs: number): Promise<DialOutcome> {
    const { clock } = this.#components;
    const { promise, resolve } = Promise.withResolvers<DialOutcome>();
    const over = new AbortController();
    const waiting = [...addresses];
    let problem: DialOutcome = { problem: 'No address of it is known' };
    let dialling = 0;
    let cancelNext = (): void => undefined;
    const next = (): void => {
      cancelNext();
      const address = waiting.shift();
      if (address === undefined) {
        if (dialling === 0) resolve(problem);
        return;
      }
      dialling += 1;
      cancelNext = clock.after(ADDRESS_TURN_MS, next);
      void this.#address(address, { nodeId, limitMs, signal: over.signal }).then((outcome) => {
        dialling -= 1;
        if (over.signal.aborted) return;
        if ('problem' in outcome && outcome.pauseMs === undefined) {
          problem = outcome;
          return next();
        }
        cancelNext();
        over.abort();
        resolve(outcome);
      });
    };
    next();
    return promise;
  }

  /** @param about.nodeId only it is meant; another one that answers is connected with all the same */
  async #address(
    address: string,
    about: { readonly nodeId?: NodeId; readonly limitMs: number; readonly signal?: AbortSignal },
  ): Promise<DialOutcome> {
    const { clock, links } = this.#components;
    const libp2p = this.#init.libp2p();
    if (libp2p === undefined) return { problem: 'This node is not in a network now' };
    const meant =
      about.nodeId ?? links.peers.find((peer) => peer.nodeId === partsOf(address)?.peerId)?.nodeId;
    if (meant !== undefined && links.linkTo(meant) !== undefined) return { nodeId: meant };
    const limit = deadline(clock, about.limitMs, about.signal);
    try {
      const { multiaddr } = await import('@multiformats/multiaddr');
      // libp2p dials only one address of a node at a time, if it knows that they are of one node.
      const connection = await libp2p.dial(multiaddr(about.nodeId ? withoutPeerId(address) : address), {
        signal: limit.signal,
        force: true,
      });
      const link = links.accept(connection, true);
      await link.open();
      const end = await link.outcome;
      const { nodeId } = link;
      if (end === undefined || (await within(clock, about.limitMs, links.untilConnected(nodeId), false))) {
        return meant === undefined || meant === nodeId
          ? { nodeId }
          : { problem: `Another node, ${nodeId}, answers at ${withoutPeerId(address)} now.` };
      }
      return { problem: end.reason, ...(end.refusal !== undefined && { pauseMs: PENALTY_MS }) };
    } catch (error) {
      return { problem: this.#explain(address, error) };
    } finally {
      limit.clear();
    }
  }

  #explain(address: string, error: unknown): string {
    const { selfId: nodeId } = this.#init;
    const problem = dialProblem(error, { address, nodeId, own: this.#init.listening() });
    if (problem.isDuplicate) {
      this.#components.refusals.add({ code: 'DuplicateNode', nodeId, address, message: problem.message });
    }
    return problem.message;
  }
}
