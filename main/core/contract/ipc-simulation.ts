import { z } from 'zod';
import { NodeId } from '../id.ts';
import { ClusterState } from '../state.ts';

/** A simulated life as a page plays it: `Began`, then moments in order of simulated time, then `Ended`. */

export const SimulatedNode = z.strictObject({
  nodeId: NodeId,
  name: z.string(),
  role: z.enum(['off', 'Seeking', 'Campaigning', 'Following', 'Master', 'Stopped']),
  lastIndex: z.int().min(0),
  runners: z.array(z.strictObject({ runnerId: z.string(), status: z.string() })),
});
export type SimulatedNode = z.infer<typeof SimulatedNode>;

export const SimulationFrame = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('Began'),
    scenario: z.string(),
    /** What it shows; null = a random life. */
    about: z.string().nullable(),
    seed: z.int(),
    untilMs: z.number(),
  }),
  z.strictObject({
    type: z.literal('Moment'),
    /** Ms since the beginning. */
    atMs: z.number(),
    /** What happened since the last moment, as `skein simulate` tells it; `node` is a friendly name, '' = nobody's. */
    lines: z.array(z.strictObject({ node: z.string(), kind: z.string(), text: z.string() })),
    nodes: z.array(SimulatedNode),
    /** Of the node that is furthest ahead; null = as in the last moment. */
    state: ClusterState.nullable(),
  }),
  z.strictObject({
    type: z.literal('Ended'),
    simulatedMs: z.number(),
    violations: z.array(z.strictObject({ atMs: z.number(), rule: z.string(), message: z.string() })),
    counts: z.record(z.string(), z.number()),
  }),
]);
export type SimulationFrame = z.infer<typeof SimulationFrame>;
