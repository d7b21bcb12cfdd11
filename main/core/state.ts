import { z } from 'zod';
import { Refusal } from './command.ts';
import { CommandId, InstanceId, MetaInstanceId, ModelId, NodeId, RunnerId, TaskId } from './id.ts';
import { Instance, Runner } from './instance.ts';
import { MetaInstance } from './meta-instance.ts';
import { Task } from './task.ts';
import { MAX_MESSAGE } from './text.ts';

export const NodeRecord = z.strictObject({
  nodeId: NodeId,
  /** Friendly name for people; need not be unique. */
  name: z.string().min(1).max(255),
  version: z.string().max(64),
  /** Drawn anew at each start of the process: what ran under another session is gone. */
  sessionId: z.string().min(1).max(128),
  memoryBytes: z.int().min(0),
  startedAt: z.number(),
  /** Epoch ms since when the master holds it for lost: nothing is placed there. Absent = it is not lost. */
  lostAt: z.number().optional(),
});
export type NodeRecord = z.infer<typeof NodeRecord>;

/** Whether a node holds a model's verified files; how far it got is telemetry. */
export const Download = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('Ongoing') }),
  z.strictObject({ type: z.literal('Completed'), bytes: z.int().min(0) }),
  z.strictObject({ type: z.literal('Failed'), message: z.string().max(MAX_MESSAGE) }),
]);
export type Download = z.infer<typeof Download>;

/** The fold of all events. Plain JSON: what a snapshot holds and a renderer receives. */
export const ClusterState = z.strictObject({
  /** Index of the last event folded in; 0 = none. */
  lastIndex: z.int().min(0),
  nodes: z.record(NodeId, NodeRecord),
  metaInstances: z.record(MetaInstanceId, MetaInstance),
  instances: z.record(InstanceId, Instance),
  runners: z.record(RunnerId, Runner),
  tasks: z.record(TaskId, Task),
  /** By node, then model. */
  downloads: z.record(NodeId, z.record(ModelId, Download)),
  /** The newest commands that took effect, oldest first; at most `REMEMBERED_COMMANDS`. */
  commands: z.array(CommandId),
  /** Nodes that were removed and not let in again, oldest first; at most `REMEMBERED_NODES`. */
  removedNodes: z.array(NodeId).default([]),
  /** Those of `commands` that were refused for good; said again, they are refused with the same words [E8]. */
  refusals: z.record(CommandId, Refusal).default({}),
});
export type ClusterState = z.infer<typeof ClusterState>;

/** Commands whose ids are remembered, so that a repeated one takes effect once. */
export const REMEMBERED_COMMANDS = 1_000;

/** Removed nodes that are kept out by the log; older ones are kept out by the cluster's key alone. */
export const REMEMBERED_NODES = 256;

export const emptyState: ClusterState = {
  lastIndex: 0,
  nodes: {},
  metaInstances: {},
  instances: {},
  runners: {},
  tasks: {},
  downloads: {},
  commands: [],
  removedNodes: [],
  refusals: {},
};
