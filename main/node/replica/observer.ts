import type { Observation } from '../../core/contract/peer.ts';
import type { Replica } from '../../core/election/replica.ts';
import type { NodeId } from '../../core/id.ts';
import type { ClusterState } from '../../core/state.ts';
import type { Telemetry } from '../../core/telemetry.ts';
import { SECOND } from '../../core/unit.ts';
import type { Clock } from '../clock.ts';
import type { PeerNetwork } from '../peer/network.ts';
import { withRdma } from '../telemetry/cables.ts';
import { Observations, type NodeSighting } from './observations.ts';

export interface ObserverComponents {
  readonly clock: Clock;
  readonly network: Pick<PeerNetwork, 'peers' | 'send'>;
}

export interface ObserverInit {
  readonly nodeId: NodeId;
  readonly sessionId: string;
  /** What this node observes now of itself and its connections. */
  readonly observe: () => Omit<Observation, 'type' | 'sessionId' | 'applied'>;
  readonly state: () => ClusterState;
  readonly replica: () => Replica;
  /** Null = nobody leads. */
  readonly master: () => NodeId | null;
  /** Over other nodes, to one without a connection of its own. */
  readonly carry: (to: NodeId, observation: Observation) => void;
  readonly onObserved: (from: NodeId, holdsOther: boolean) => void;
}

const OBSERVE_MS = SECOND;
/** What seldom changes is told when it does, and this often, since words get lost. */
const HARDWARE_MS = 30 * SECOND;

/** Tells the others each second what this node observes, and keeps what they tell. */
export class Observer {
  readonly #components: ObserverComponents;
  readonly #init: ObserverInit;
  readonly #observations: Observations;
  #cancel: () => void = () => undefined;
  #hardware: { readonly told: Observation['hardware']; readonly at: number } | undefined;

  constructor(components: ObserverComponents, init: ObserverInit) {
    this.#components = components;
    this.#init = init;
    this.#observations = new Observations(components);
  }

  start(): void {
    this.tellNow();
  }

  /** May be called twice. */
  stop(): void {
    this.#cancel();
  }

  /** Measured now, told to all who are connected and to a master that is not, and again in a while. */
  tellNow(): void {
    const { clock, network } = this.#components;
    const { nodeId, master, carry } = this.#init;
    this.#cancel();
    this.#cancel = clock.after(OBSERVE_MS, () => this.tellNow());
    const whole = this.#observe();
    this.take(nodeId, whole);
    const observation = this.#withoutWhatIsKnown(whole);
    for (const { nodeId: peer } of network.peers) network.send(peer, 'telemetry', observation);
    const leader = master();
    const direct = leader === nodeId || network.peers.some((peer) => peer.nodeId === leader);
    if (leader !== null && !direct) carry(leader, observation);
  }

  /** To one who just came. */
  tell(peer: NodeId): void {
    this.#components.network.send(peer, 'telemetry', this.#observe());
  }

  take(from: NodeId, observation: Observation): void {
    const other = this.#observations.take(from, observation);
    this.#init.onObserved(from, other);
  }

  sighting(nodeId: NodeId): NodeSighting | undefined {
    return this.#observations.sighting(nodeId);
  }

  /** Of the whole cluster as this node was told, of itself as it is now. @param since epoch ms from when others are judged */
  telemetry(since: number): Telemetry {
    const { nodeId } = this.#init;
    this.#observations.take(nodeId, this.#observe());
    const { routes, peers: connected } = this.#init.replica();
    const closed = (Object.keys(this.#init.state().nodes) as NodeId[]).filter(
      (other) => other !== nodeId && !routes.has(other) && !connected.has(other),
    );
    const { links: told = [], ...observed } = this.#observations.telemetry;
    const links = withRdma(told, observed.hardware ?? {});
    const peers = { self: nodeId, since, closed };
    // Absent, not empty: of one node alone nobody can say that its links are gone.
    return { ...observed, ...(links.length > 0 && { links }), peers };
  }

  #withoutWhatIsKnown(whole: Observation): Observation {
    const now = this.#components.clock.monotonic();
    const { hardware, ...rest } = whole;
    const known = this.#hardware;
    if (known !== undefined && known.told === hardware && now < known.at + HARDWARE_MS) return rest;
    this.#hardware = { told: hardware, at: now };
    return whole;
  }

  #observe(): Observation {
    const { sessionId, observe, state } = this.#init;
    return { type: 'Observation', sessionId, applied: state().lastIndex, ...observe() };
  }
}
