import { statSync } from 'node:fs';
import type { Command, Refusal } from '../../core/command.ts';
import type { CommandId, NodeId } from '../../core/id.ts';
import { ok, refused, type Result } from '../../core/result.ts';
import { SECOND } from '../../core/unit.ts';
import type { NodeApi } from '../api.ts';
import type { Clock } from '../clock.ts';
import type { Identity } from '../identity.ts';
import type { Startable } from '../lifecycle.ts';
import type { Log } from '../log.ts';
import type { PeerNetwork } from '../peer/network.ts';
import { NoMasterError } from '../replica/commands.ts';
import type { ClusterFile, ClusterRecord } from './cluster-file.ts';
import { fingerprintOf, newClusterKey } from './cluster-key.ts';
import { diagnose } from './doctor.ts';
import type { Finding } from './finding.ts';
import { fetchKey, type Fetched, type JoinRefusal } from './joining.ts';
import {
  MembershipBusy,
  type Joined,
  type Left,
  type MembershipApi,
  type Removed,
} from './membership-api.ts';
import type { PairingCode } from './pairing-code.ts';
import type { PairedNode } from './pairing-message.ts';
import { PairingDesk, type Pairing } from './pairing.ts';
import { acceptKeys, spreadKey, type Rotated } from './rotation.ts';
import type { ClusterSnapshot } from './snapshot.ts';

/** The answer to who asked for the departure goes out before the node starts over. */
const DEPART_AFTER_MS = 0.3 * SECOND;

export interface MembershipComponents {
  readonly network: PeerNetwork;
  readonly identity: Identity;
  readonly clusterFile: ClusterFile;
  readonly clock: Clock;
  readonly log: Log;
  /** Of a source that nobody can guess. */
  readonly randomBytes: (length: number) => Uint8Array;
  readonly submit: NodeApi['submit'];
  readonly newCommandId: () => CommandId;
}

export interface MembershipInit {
  readonly record: ClusterRecord;
  readonly self: () => PairedNode;
  /** As for the network: where pairing listens and whether it may look around. */
  readonly host: string | undefined;
  readonly discovery: boolean;
  readonly observe: () => Pick<ClusterSnapshot, 'state' | 'telemetry' | 'view'>;
  readonly dataFolder: string;
  /** The node must start over: what it holds belongs to a cluster that it left. Called once. */
  readonly onLeft: () => void;
}

/** Which cluster this node belongs to, and how that changes: pairing, leaving, removing, new keys. */
export class Membership implements MembershipApi, Startable {
  readonly #components: MembershipComponents;
  readonly #init: MembershipInit;
  readonly #desk: PairingDesk;
  #record: ClusterRecord;
  #changing = false;
  /** The key of another cluster is stored, and the connections are still those of the one that is left. */
  #moving = false;
  #departing: () => void = () => undefined;

  constructor(components: MembershipComponents, init: MembershipInit) {
    this.#components = components;
    this.#init = init;
    this.#record = init.record;
    this.#desk = new PairingDesk(components, {
      host: init.host,
      discovery: init.discovery,
      self: init.self,
      fingerprint: () => fingerprintOf(this.#record.key),
      admit: (joining) => this.#admit(joining),
      welcome: () => {
        const { key, generation } = this.#record;
        return { key, generation, addresses: [...components.network.status.listening] };
      },
    });
    acceptKeys(components, {
      store: (from, rotated) => this.#storeRotated(from, rotated),
      use: (addresses) => {
        this.#use(addresses).catch((problem: unknown) => {
          components.log.error('This node can not be reached under the new key until its next start', {
            problem,
          });
        });
      },
    });
  }

  async start(): Promise<void> {
    // Nothing runs before somebody asks for it.
  }

  async stop(): Promise<void> {
    this.#departing();
    await this.#desk.cancel();
  }

  /** What all nodes of the cluster share and nobody else has; another one after a node was removed. */
  get clusterKey(): Uint8Array {
    return this.#record.key;
  }

  snapshot(): ClusterSnapshot {
    const { network, clock } = this.#components;
    const path = this.#init.dataFolder;
    const { nodeId, name, version } = this.#init.self();
    return {
      nodeId,
      name,
      version,
      now: clock.now(),
      ...this.#init.observe(),
      network: network.status,
      peers: network.peers,
      fingerprint: fingerprintOf(this.#record.key),
      generation: this.#record.generation,
      pairing: this.#desk.current,
      dataFolder: { path, mode: modeOf(path) },
    };
  }

  diagnose(): readonly Finding[] {
    return diagnose(this.snapshot());
  }

  showCode(): Promise<Pairing> {
    return this.#desk.show();
  }

  async cancelCode(): Promise<void> {
    await this.#desk.cancel();
  }

  async join(code: PairingCode, at: string | undefined): Promise<Result<Joined, JoinRefusal>> {
    const { log } = this.#components;
    if (this.#desk.shows(code)) {
      return refused({
        code: 'Itself',
        message: 'This node itself shows that code: type it on the other one.',
      });
    }
    return this.#alone(async () => {
      const { host, discovery } = this.#init;
      const fetched = await fetchKey(this.#components, {
        host,
        discovery,
        code,
        at,
        self: this.#init.self(),
        fingerprint: fingerprintOf(this.#record.key),
        store: ({ key, generation }, from) => {
          this.#store({ key, generation, name: from.name });
          this.#moving = true;
        },
      });
      if (!fetched.ok) return fetched;
      const { from } = fetched.value;
      log.info('This node joined a cluster', { through: from.name });
      return ok({ from, met: await this.#meet(fetched.value) });
    }).finally(() => (this.#moving = false));
  }

  async leave(): Promise<Result<Left, Refusal>> {
    const { clock, log } = this.#components;
    const { nodeId } = this.#init.self();
    const { state } = this.#init.observe();
    if (Object.keys(state.nodes).every((each) => each === nodeId) && state.removedNodes.length === 0) {
      return refused({
        code: 'NotFound',
        message: 'This node is in no cluster with others: nothing to leave.',
      });
    }
    return this.#alone(async () => {
      const told = await this.#submit({ type: 'RemoveNode', nodeId }).catch((error: unknown) => {
        if (error instanceof NoMasterError) return null;
        throw error;
      });
      const now = clock.now();
      const { name: _, ...rest } = this.#record;
      const setAside = `left-${now}`;
      const next = { ...rest, key: newClusterKey(), generation: 1, joinedAt: now, setAside };
      this.#components.clusterFile.write(next);
      this.#record = next;
      log.info('This node left its cluster and starts over', { setAside });
      this.#departing = clock.after(DEPART_AFTER_MS, this.#init.onLeft);
      return ok({ told: told?.ok === true });
    });
  }

  async remove(nodeId: NodeId): Promise<Result<Removed, Refusal>> {
    const { network, clock, log, newCommandId } = this.#components;
    return this.#alone(async () => {
      const commandId = newCommandId();
      const result = await this.#submit({ type: 'RemoveNode', nodeId, commandId });
      if (!result.ok) return result;
      network.forget(nodeId);
      const rotated = { key: newClusterKey(), generation: this.#record.generation + 1 };
      const to = network.peers.map((peer) => peer.nodeId).filter((each) => each !== nodeId);
      const members = Object.keys(this.#init.observe().state.nodes) as NodeId[];
      // First here: on a disk that is full nothing has changed for anybody.
      this.#store(rotated);
      const { stored, addresses } = await spreadKey({ clock, log, network }, { rotated, to });
      const own = this.#init.self().nodeId;
      const withoutKey = members.filter((each) => each !== own && each !== nodeId && !stored.includes(each));
      log.info('A node was removed, and the cluster has a new key', { nodeId, withoutKey });
      await this.#use(addresses);
      return ok({ commandId, withoutKey });
    });
  }

  async #submit(
    command: { readonly type: 'RemoveNode' | 'ReadmitNode'; readonly nodeId: NodeId } & {
      readonly commandId?: CommandId;
    },
  ): ReturnType<NodeApi['submit']> {
    const { submit, newCommandId } = this.#components;
    return submit({ commandId: newCommandId(), ...command } satisfies Command);
  }

  async #admit({ nodeId }: PairedNode): Promise<void> {
    if (!this.#init.observe().state.removedNodes.includes(nodeId)) return;
    const result = await this.#submit({ type: 'ReadmitNode', nodeId });
    if (!result.ok) throw new Error(result.error.message);
  }

  #store(changed: Rotated & { readonly name?: string }): void {
    const next: ClusterRecord = { ...this.#record, ...changed, joinedAt: this.#components.clock.now() };
    this.#components.clusterFile.write(next);
    this.#record = next;
  }

  /** Of two keys that were made at the same time, all members take the same one. */
  #storeRotated(from: NodeId, rotated: Rotated): boolean {
    const { generation, key, setAside } = this.#record;
    if (setAside !== undefined || this.#moving) return false;
    const newer =
      rotated.generation > generation ||
      (rotated.generation === generation && Buffer.compare(rotated.key, key) > 0);
    if (!newer || this.#init.observe().state.removedNodes.includes(from)) return false;
    this.#store({ key: rotated.key, generation: rotated.generation });
    this.#components.log.info('The cluster has a new key, because a node was removed', { from });
    return true;
  }

  /** Goes on under the key that is stored. */
  async #use(addresses: readonly string[]): Promise<boolean> {
    const { network, log } = this.#components;
    const { nodeId } = this.#init.self();
    await network.rekey(this.#record.key);
    const others = fromElsewhere(addresses.filter((address) => !address.endsWith(nodeId)));
    const outcomes = await Promise.all(others.map((address) => network.dial(address, { named: false })));
    const met = outcomes.some((outcome) => 'nodeId' in outcome);
    if (!met && others.length > 0)
      log.warn('No member was met under the new key yet; they are dialled again');
    return met;
  }

  #meet({ welcome }: Fetched): Promise<boolean> {
    return this.#use(welcome.addresses);
  }

  /** One change of the membership at a time. */
  async #alone<Value, Problem extends { readonly code: string; readonly message: string }>(
    change: () => Promise<Result<Value, Problem>>,
  ): Promise<Result<Value, Problem>> {
    if (this.#changing) throw new MembershipBusy();
    this.#changing = true;
    try {
      return await change();
    } finally {
      this.#changing = false;
    }
  }
}

/** Without addresses that lead elsewhere from another computer; of nodes on one computer those are all there may be. */
function fromElsewhere(multiaddrs: readonly string[]): readonly string[] {
  const useful = multiaddrs.filter((address) => !/^\/ip[46]\/(127\.|::1\/|fe80:)/i.test(address));
  return useful.length > 0 ? useful : multiaddrs;
}

function modeOf(path: string): number | null {
  try {
    return statSync(path).mode & 0o777;
  } catch {
    return null;
  }
}
