import type { Libp2p } from '@libp2p/interface';
import type { NodeId } from '../../core/id.ts';
import type { Clock } from '../clock.ts';
import type { AddressBook } from './address-book.ts';
import { partsOf, withPeerId } from './address.ts';
import { dialProblem } from './dial-problem.ts';
import type { DialOutcome, Target } from './dialer.ts';
import { ADDRESS_DEADLINE_MS, DIAL_DEADLINE_MS, PENALTY_MS } from './limits.ts';
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
    const nodeId = 'nodeId' in target ? target.nodeId : null;
    const address =
      'nodeId' in target ? (this.#components.book.addressesOf(target.nodeId)[0] ?? '') : target.address;
    this.#components.refusals.add({ code: 'Unreachable', nodeId, address, message: problem });
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

  /** @param attempt which address comes first */
  async target(target: Target, attempt: number): Promise<DialOutcome> {
    if (!('nodeId' in target)) return this.address(target.address);
    const known = this.#components.book.addressesOf(target.nodeId);
    // Whatever does not answer must not keep the others from their turn.
    const start = known.length === 0 ? 0 : attempt % known.length;
    const addresses = [...known.slice(start), ...known.slice(0, start)];
    const until = this.#components.clock.monotonic() + DIAL_DEADLINE_MS;
    let problem = 'No address of it is known';
    for (const address of addresses) {
      if (this.#components.clock.monotonic() > until) break;
      const outcome = await this.address(withPeerId(address, target.nodeId));
      if ('nodeId' in outcome) return outcome;
      problem = outcome.problem;
    }
    return { problem };
  }

  async address(address: string): Promise<DialOutcome> {
    const libp2p = this.#init.libp2p();
    if (libp2p === undefined) return { problem: 'This node is not in a network now' };
    const peer = this.#components.links.peers.find(({ nodeId }) => nodeId === partsOf(address)?.peerId);
    if (peer !== undefined) return { nodeId: peer.nodeId };
    const { clock } = this.#components;
    const limit = deadline(clock, ADDRESS_DEADLINE_MS);
    try {
      const { multiaddr } = await import('@multiformats/multiaddr');
      const connection = await libp2p.dial(multiaddr(address), { signal: limit.signal, force: true });
      const link = this.#components.links.accept(connection, true);
      await link.open();
      const end = await link.outcome;
      const { nodeId } = link;
      if (end === undefined) return { nodeId };
      if (await within(clock, ADDRESS_DEADLINE_MS, this.#components.links.untilConnected(nodeId), false))
        return { nodeId };
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
