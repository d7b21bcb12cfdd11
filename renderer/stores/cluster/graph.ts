import type { TelemetryItem } from '../../../main/core/contract/ipc.ts';
import type { InstanceId, NodeId } from '../../../main/core/id.ts';
import type { ClusterState } from '../../../main/core/state.ts';
import type { Link } from '../../../main/core/topology.ts';
import { currentRunnerId, distinctNames, values } from '../../../main/core/view.ts';

/** A part of a node's memory that one Instance takes. */
export interface MemoryPart {
  readonly instanceId: InstanceId;
  /** Of its MetaInstance, else the Instance's id. */
  readonly name: string;
  readonly bytes: number;
}

export interface GraphNode {
  readonly nodeId: NodeId;
  /** Different for each node. */
  readonly name: string;
  readonly isMaster: boolean;
  readonly isSelf: boolean;
  /** Epoch ms since when nothing is heard of it; null = it is there. 0 = not known since when. */
  readonly awaySince: number | null;
  /** `Apple M4 Max`, or whatever is known; null = nothing is. */
  readonly machine: string | null;
  readonly version: string;
  /** Null = not told. */
  readonly memory: {
    readonly totalBytes: number;
    readonly availableBytes: number;
    readonly parts: readonly MemoryPart[];
  } | null;
  /** Of all its cores, 0 to 1; null = not told. */
  readonly load: number | null;
  readonly temperatureCelsius: number | null;
  readonly battery: { readonly percent: number; readonly onBattery: boolean } | null;
  readonly disk: { readonly totalBytes: number; readonly availableBytes: number } | null;
}

/** What joins two nodes; the better way of the two directions. */
export interface GraphLink {
  readonly a: NodeId;
  readonly b: NodeId;
  readonly kind: Link['kind'];
  readonly rdma: boolean;
  /** Null = not measured. */
  readonly bytesPerSecond: number | null;
  readonly latencyMs: number | null;
}

export interface Graph {
  readonly nodes: readonly GraphNode[];
  readonly links: readonly GraphLink[];
}

/** The cluster as people look at it, nodes by name. */
export function graphOf(
  state: ClusterState,
  telemetry: TelemetryItem | undefined,
  self: NodeId | undefined,
): Graph {
  const names = distinctNames(state);
  const nodes = values(state.nodes)
    .map(({ nodeId, version, lostAt, memoryBytes }): GraphNode => {
      const seen = telemetry?.nodes[nodeId];
      const isAway = lostAt !== undefined || telemetry?.away.includes(nodeId) === true;
      return {
        nodeId,
        name: names[nodeId] ?? nodeId,
        isMaster: telemetry?.master === nodeId,
        isSelf: nodeId === self,
        awaySince: isAway ? (lostAt ?? seen?.at ?? 0) : null,
        machine: machineOf(telemetry, nodeId),
        version,
        memory:
          seen === undefined
            ? memoryBytes === 0
              ? null
              : { totalBytes: memoryBytes, availableBytes: memoryBytes, parts: [] }
            : {
                totalBytes: seen.totalBytes,
                availableBytes: seen.availableBytes,
                parts: partsOn(state, telemetry, nodeId),
              },
        load: seen?.load === undefined ? null : Math.min(1, seen.load.average / seen.load.cores),
        temperatureCelsius: seen?.temperatureCelsius ?? null,
        battery: seen?.battery ?? null,
        disk: seen?.disk ?? null,
      };
    })
    .toSorted((one, other) => one.name.localeCompare(other.name));
  return { nodes, links: linksOf(telemetry?.links ?? []) };
}

function machineOf(telemetry: TelemetryItem | undefined, nodeId: NodeId): string | null {
  const machine = telemetry?.hardware[nodeId]?.machine;
  if (machine === undefined) return null;
  return machine.chip ?? machine.model ?? `${machine.cores} cores`;
}

function partsOn(state: ClusterState, telemetry: TelemetryItem | undefined, nodeId: NodeId): MemoryPart[] {
  return values(state.instances).flatMap((instance) => {
    const mine = instance.assignments.filter((each) => each.nodeId === nodeId);
    const bytes = mine.reduce((sum, { rank }) => {
      const runner = telemetry?.runners[currentRunnerId(instance, rank)];
      return sum + (runner === undefined ? 0 : runner.weightBytes + runner.kvBytes);
    }, 0);
    if (bytes === 0) return [];
    return [{ instanceId: instance.instanceId, name: instance.metaInstanceId ?? instance.instanceId, bytes }];
  });
}

function linksOf(links: readonly Link[]): GraphLink[] {
  const best = new Map<string, GraphLink>();
  for (const link of links) {
    const [a, b] = link.from < link.to ? [link.from, link.to] : [link.to, link.from];
    const next: GraphLink = {
      a,
      b,
      kind: link.kind,
      rdma: link.rdmaDevice !== undefined,
      bytesPerSecond: link.bytesPerSecond ?? null,
      latencyMs: link.latencyMs ?? null,
    };
    const known = best.get(`${a} ${b}`);
    if (known === undefined || isBetter(next, known)) best.set(`${a} ${b}`, next);
  }
  return [...best.values()];
}

function isBetter(one: GraphLink, other: GraphLink): boolean {
  if (one.rdma !== other.rdma) return one.rdma;
  const [mine, theirs] = [one.bytesPerSecond ?? 0, other.bytesPerSecond ?? 0];
  if (mine !== theirs) return mine > theirs;
  return (one.latencyMs ?? Infinity) < (other.latencyMs ?? Infinity);
}

export interface Point {
  /** From 0 to 1, left to right and top to bottom. */
  readonly x: number;
  readonly y: number;
}

/** Where nodes stand: one in the middle, two side by side, more on an ellipse; steady while their number is the same. */
export function layout(count: number): readonly Point[] {
  if (count === 1) return [{ x: 0.5, y: 0.5 }];
  if (count === 2) {
    return [
      { x: 0.24, y: 0.5 },
      { x: 0.76, y: 0.5 },
    ];
  }
  return Array.from({ length: count }, (_, position) => {
    const angle = -Math.PI / 2 + (2 * Math.PI * position) / count;
    return { x: 0.5 + 0.37 * Math.cos(angle), y: 0.5 + 0.36 * Math.sin(angle) };
  });
}
