import type { Event } from '../../main/core/event.ts';
import type { NodeId } from '../../main/core/id.ts';
import { changesFor } from '../../main/core/placement/change.ts';
import { explore } from '../../main/core/placement/explore.ts';
import type { Exploration, PlacementContext, PlacementRequest } from '../../main/core/placement/request.ts';
import { defaultPolicy } from '../../main/core/policy.ts';
import type { NodeTelemetry } from '../../main/core/telemetry.ts';
import type { Link } from '../../main/core/topology.ts';
import { GiB, MiB } from '../../main/core/unit.ts';
import { card } from './builders.ts';
import { given, joined } from './core-builders.ts';

const node = (letter: string): NodeId => `node-${letter.padEnd(3, letter)}` as NodeId;
export const [a, b, c, d, e, f] = [...'abcdef'].map(node) as [NodeId, NodeId, NodeId, NodeId, NodeId, NodeId];

/** 12 layers of 1 GiB, of which 64 MiB are keys and values of one context of 64 tokens. */
export const model = card({
  layers: 12,
  heads: 8,
  kvHeads: 4,
  hiddenSize: 4096,
  weightBytes: 12 * (GiB - 64 * MiB),
  kvBytesPerToken: 12 * MiB,
  contextLength: 128,
});

/** So much is observed as available that this many layers fit. */
function observed(layers: number, nodeId: NodeId, more: Partial<NodeTelemetry> = {}): NodeTelemetry {
  const availableBytes = layers * GiB + defaultPolicy.runnerOverheadBytes + defaultPolicy.reservedBytes;
  return { nodeId, totalBytes: 64 * GiB, availableBytes, at: 0, ...more };
}

export interface World {
  /** Layers that each node has room for. */
  readonly room: Readonly<Record<NodeId, number>>;
  readonly links?: readonly Link[];
  readonly more?: Readonly<Record<NodeId, Partial<NodeTelemetry>>>;
  readonly events?: readonly Event[];
}

export function contextOf({ room, links = [], more = {} }: World): PlacementContext {
  const nodes = Object.entries(room).map(([id, layers]) => [
    id,
    observed(layers, id as NodeId, more[id as NodeId]),
  ]);
  return {
    now: 0,
    policy: defaultPolicy,
    telemetry: { nodes: Object.fromEntries(nodes) as never, runners: {}, downloads: [], links },
  };
}

export const requestFor = (asked: Partial<PlacementRequest> = {}): PlacementRequest => ({
  card: model,
  sharding: 'Pipeline',
  interconnect: 'MlxRing',
  minNodes: 1,
  nodeIds: [],
  goal: 'smallest',
  contextLength: 64,
  ...asked,
});

export function look(
  world: World,
  asked: Partial<PlacementRequest> = {},
): Exploration & { changes: string[] } {
  const state = given(...Object.keys(world.room).map((id) => joined(id as NodeId)), ...(world.events ?? []));
  const context = contextOf(world);
  const found = explore(state, requestFor(asked), context);
  return { ...found, changes: changesFor(state, requestFor(asked), context, found) };
}

/** As much room on each. */
export const same = (layers: number, ...nodes: readonly NodeId[]): Record<NodeId, number> =>
  Object.fromEntries(nodes.map((nodeId) => [nodeId, layers]));
