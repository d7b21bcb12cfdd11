import { defaultElectionPolicy } from '../election/policy.ts';
import type { NodeId } from '../id.ts';
import { defaultPolicy, type Policy } from '../policy.ts';
import type { Link } from '../topology.ts';
import { Machine, nodeIdOf } from './machine.ts';
import { Network } from './network.ts';
import { SeededRandom } from './random.ts';
import { reviewMasters, reviewRest } from './rest-rules.ts';
import type { LinkSpec, NodeSpec, Scenario } from './scenario.ts';
import { SharedFold } from './shared-fold.ts';
import type { Surroundings } from './surroundings.ts';
import { Timeline } from './timeline.ts';
import { Watch } from './watch.ts';

/** 2026-01-01: a simulation says the same today and tomorrow. */
const STARTS_AT = 1_767_225_600_000;
const REVIEW_MS = 500;

/** A cable, with the ids of its ends. */
interface Laid extends LinkSpec {
  readonly ends: readonly [NodeId, NodeId];
}

/** A cluster in memory: virtual time, network, disks, processes; the real core in the middle. */
export class World {
  readonly timeline = new Timeline();
  readonly scenario: Scenario;
  readonly network: Network;
  readonly watch: Watch;
  readonly policy: Policy;
  readonly machines: Machine[] = [];
  readonly #random: SeededRandom;
  readonly #links: Laid[] = [];
  readonly #surroundings: Surroundings;
  #commands = 0;

  constructor(scenario: Scenario, init: { readonly seed: number; readonly keepTrace: boolean }) {
    this.scenario = scenario;
    this.#random = new SeededRandom(init.seed);
    const policy = { ...defaultPolicy, ...definedOnly(scenario.policy) };
    this.policy = policy;
    this.network = new Network(this.timeline, this.#random.fork());
    this.watch = new Watch({ timeline: this.timeline, policy, keepTrace: init.keepTrace });
    this.#surroundings = {
      timeline: this.timeline,
      network: this.network,
      watch: this.watch,
      fold: new SharedFold((before, after, entry) => this.watch.onState(before, after, entry)),
      scenario,
      policy,
      electionPolicy: defaultElectionPolicy,
      startsAt: STARTS_AT,
      known: () => this.machines.map(({ nodeId }) => nodeId),
      linksFrom: (nodeId) => this.#linksFrom(nodeId),
    };
    for (const node of scenario.nodes) this.add(node);
    if (Array.isArray(scenario.links)) for (const link of scenario.links) this.#lay(link);
    for (const [at, { off }] of scenario.nodes.entries()) if (!off) this.machines[at]?.start();
  }

  /** Number of the next command: its id is derived from it. */
  nextCommand(): number {
    this.#commands += 1;
    return this.#commands;
  }

  /** @throws Error when the scenario has no such node: its schema lets none through */
  machine(name: string): Machine {
    const nodeId = nodeIdOf(name);
    const machine = this.machines.find((each) => each.nodeId === nodeId);
    if (machine === undefined) throw new Error(`no node ${name}`);
    return machine;
  }

  /** A new computer, cabled as the scenario says; it does not run yet. */
  add(spec: NodeSpec): Machine {
    const machine = new Machine(this.#surroundings, spec, this.#random.fork());
    const { links } = this.scenario;
    if (!Array.isArray(links) || !this.scenario.nodes.some(({ id }) => id === spec.id)) {
      const cable = links === 'mesh' || Array.isArray(links) ? {} : links.mesh;
      for (const other of this.machines) {
        const between: LinkSpec['between'] = [nameOf(other.nodeId), spec.id];
        this.#lay({ kind: 'Ethernet', latencyMs: [0.5, 2], ...definedOnly(cable), between });
      }
    }
    this.machines.push(machine);
    return machine;
  }

  /** Plays until then; ends early once the code under test has thrown. */
  runUntil(ms: number): void {
    this.watch.guarded('the cluster', () => this.timeline.runUntil(ms, () => !this.watch.halted));
  }

  /** Looks now and then whether what must hold in quiet holds. */
  keepReviewing(untilMs: number): void {
    for (let at = REVIEW_MS; at <= untilMs; at += REVIEW_MS) this.timeline.at(at, () => reviewMasters(this));
  }

  /** At the end: whether everything came to rest or says why not. False = it was not quiet for long enough to judge. */
  review(): boolean {
    return !this.watch.halted && reviewRest(this);
  }

  /** Every cable as it was laid, RDMA and all. */
  heal(): void {
    for (const { ends, latencyMs } of this.#links) {
      const [a, b] = ends;
      for (const way of [this.network.way(a, b), this.network.way(b, a)]) {
        if (way !== undefined) Object.assign(way, { latencyMs, loss: 0 });
      }
      this.network.open(a, b);
    }
    for (const machine of this.machines) machine.rdmaOff = false;
    this.tellAll();
  }

  restoreLink(a: string, b: string): void {
    const laid = this.#links.find(({ between }) => between.includes(a) && between.includes(b));
    if (laid === undefined) return;
    for (const way of [
      this.network.way(nodeIdOf(a), nodeIdOf(b)),
      this.network.way(nodeIdOf(b), nodeIdOf(a)),
    ]) {
      if (way !== undefined) Object.assign(way, { latencyMs: laid.latencyMs, loss: 0 });
    }
    this.network.open(nodeIdOf(a), nodeIdOf(b));
    this.tellAll();
  }

  /** Links changed: every node measures anew. What was lost on them before is repeated first, however late. */
  tellAll(): void {
    this.watch.disturb(this.network.caughtUpAt());
    for (const { life } of this.machines) life?.tellTelemetry();
  }

  #lay(link: LinkSpec): void {
    const [a, b] = link.between;
    const ends = [nodeIdOf(a), nodeIdOf(b)] as const;
    this.#links.push({ ...link, ends });
    this.network.lay(...ends, link.latencyMs);
  }

  #addressOf(nodeId: NodeId): string {
    const at = this.machines.findIndex((machine) => machine.nodeId === nodeId);
    return `10.${(this.machines[at]?.moves ?? 0) % 256}.0.${at + 1}`;
  }

  #linksFrom(from: NodeId): Link[] {
    const off = new Set(this.machines.filter(({ rdmaOff }) => rdmaOff).map(({ nodeId }) => nodeId));
    return this.#links.flatMap(({ ends, kind, latencyMs, bytesPerSecond, rdmaDevices }): Link[] => {
      const end = ends.indexOf(from);
      const to = ends[1 - end];
      if (end === -1 || to === undefined) return [];
      const way = this.network.way(from, to);
      if (way?.swallows !== false || !this.network.carries(from, to)) return [];
      const rdmaDevice = off.has(from) || off.has(to) ? undefined : rdmaDevices?.[end];
      return [
        {
          from,
          to,
          kind,
          address: this.#addressOf(to),
          latencyMs: (latencyMs[0] + latencyMs[1]) / 2,
          ...(bytesPerSecond !== undefined && { bytesPerSecond }),
          ...(rdmaDevice !== undefined && { rdmaDevice }),
        },
      ];
    });
  }
}

export const nameOf = (nodeId: NodeId): string => nodeId.slice('node-'.length);

function definedOnly<Fields extends object>(
  fields: Fields,
): { [Key in keyof Fields]: Exclude<Fields[Key], undefined> } {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [Key in keyof Fields]: Exclude<Fields[Key], undefined> };
}
