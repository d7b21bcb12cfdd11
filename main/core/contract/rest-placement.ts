import { z } from 'zod';
import { InstanceId, MetaInstanceId, ModelId, NodeId } from '../id.ts';
import { Interconnect } from '../instance.ts';
import { MetaInstanceSpec } from '../meta-instance.ts';
import { Sharding } from '../model-card.ts';
import { InstanceView } from './rest-state.ts';

/** What the paths take and answer that say where a model would run, without running it. */

const { shape } = MetaInstanceSpec;

const whole = (least: number, most: number): z.ZodType<number, string> =>
  z
    .string()
    .regex(/^\d{1,9}$/, `must be a whole number from ${least} to ${most}`)
    .transform(Number)
    .refine((number) => number >= least && number <= most, `must be a whole number from ${least} to ${most}`);

const nodeCount = whole(1, 64);

const flag = z.enum(['true', 'false'], 'must be true or false').transform((text) => text === 'true');

/** Whose memory it may take. */
const taking = { priority: whole(0, 100).optional(), preempt: flag.optional() };

/** The same as the body of a create, in a query; or of an edit, when it names the MetaInstance. */
export const PlacementQuery = z.strictObject({
  /** May be absent where `meta_instance_id` is given. */
  model_id: ModelId.optional(),
  /** One that exists: what an edit of it would do. What is absent stays as it is there. */
  meta_instance_id: MetaInstanceId.optional(),
  sharding: shape.sharding.unwrap().optional(),
  instance_meta: shape.interconnect.unwrap().optional(),
  min_nodes: nodeCount.optional(),
  max_nodes: nodeCount.optional(),
  /** Nodes that must take part; may be given often. */
  node_ids: shape.nodeIds,
  placement: shape.placement,
  context_length: whole(16, 1 << 24).optional(),
  ...taking,
});
export type PlacementQuery = z.infer<typeof PlacementQuery>;

export const PreviewsQuery = z.strictObject({
  model_id: ModelId,
  /** Only these nodes are looked at; may be given often; none = all. */
  node_ids: shape.nodeIds,
  context_length: whole(16, 1 << 24).optional(),
  ...taking,
});

/** What is expected of a place. */
export const Prediction = z
  .strictObject({
    /** Decode speed of one chat. */
    tokens_per_second: z.number().min(0),
    /** Whether every node's speed was measured; if not, the figure is only good to compare places. */
    measured: z.boolean(),
    /** Until it answers: download, load and start. */
    ready_seconds: z.number().min(0),
    /** By rank. */
    nodes: z.array(
      z.strictObject({
        node_id: NodeId,
        name: z.string(),
        /** Layers `[start_layer, end_layer)`. */
        start_layer: z.int(),
        end_layer: z.int(),
        /** Memory of its shard. */
        shard_bytes: z.int(),
        free_bytes: z.int(),
        free_bytes_after: z.int(),
        /** Of the model's file, what it has yet to fetch. */
        missing_bytes: z.int(),
      }),
    ),
  })
  .meta({ id: 'Prediction' });
export type Prediction = z.infer<typeof Prediction>;

/** A rule that ruled something out. */
export const PlacementRefusal = z
  .strictObject({
    /** A stable word. */
    reason: z.string(),
    message: z.string(),
    /** Numbers of nodes that it rules out; null = it rules out nodes, or everything. */
    node_counts: z.array(z.int()).nullable(),
    /** The smallest change that lifts it. */
    change: z.string().nullable(),
  })
  .meta({ id: 'PlacementRefusal' });
export type PlacementRefusal = z.infer<typeof PlacementRefusal>;

/** One that gives way, once memory was short for a while. */
export const GivesWay = z
  .strictObject({
    instance_id: InstanceId,
    meta_instance_id: MetaInstanceId.nullable(),
    model_id: ModelId,
    priority: z.int(),
    /** Names of its nodes, by rank. */
    nodes: z.array(z.string()),
  })
  .meta({ id: 'GivesWay' });
export type GivesWay = z.infer<typeof GivesWay>;

const explained = {
  /** Whose memory the place takes; empty = nobody's. */
  gives_way: z.array(GivesWay),
  /** Why there is no place; null = there is one. */
  error: z.string().nullable(),
  /** The stable word of the error. */
  reason: z.string().nullable(),
  /** What ruled out nodes and numbers of nodes, also beside a place. */
  refusals: z.array(PlacementRefusal),
  /** Changes each of which alone would make a place; empty where there is one. */
  changes: z.array(z.string()),
};

export const PreviewsAnswer = z
  .strictObject({
    previews: z.array(
      z.strictObject({
        model_id: ModelId,
        sharding: Sharding,
        instance_meta: Interconnect,
        /** How many nodes it is for. */
        node_count: z.int().min(1),
        instance: InstanceView.nullable(),
        /** Memory it takes, by node. */
        memory_delta_by_node: z.record(NodeId, z.int()).nullable(),
        prediction: Prediction.nullable(),
        ...explained,
      }),
    ),
  })
  .meta({ id: 'Previews' });
export type PreviewsAnswer = z.infer<typeof PreviewsAnswer>;

const [ring, jaccl] = InstanceView.options;

const expected = { prediction: Prediction, gives_way: explained.gives_way };

/** The best place, in the shape of an Instance that does not exist. */
export const PlacementAnswer = z
  .union([ring.extend(expected), jaccl.extend(expected)])
  .meta({ id: 'Placement' });

/** How an edit would be carried out; `Stays` = it asks for no other Instance. */
export const UpdateView = z
  .strictObject({
    meta_instance_id: MetaInstanceId,
    way: z.enum(['Stays', 'Surge', 'StopThenStart', 'NoPlace']),
    /** Changes each of which alone would let it serve on meanwhile. */
    surge_needs: z.array(z.string()),
  })
  .meta({ id: 'Update' });
export type UpdateView = z.infer<typeof UpdateView>;

export const CandidatesAnswer = z
  .strictObject({
    model_id: ModelId,
    /** Tokens. */
    context_length: z.int(),
    /** The best first. */
    candidates: z.array(z.strictObject({ instance: InstanceView, prediction: Prediction })),
    /** Null = no edit, or nothing of it runs that could be replaced. */
    update: UpdateView.nullable(),
    ...explained,
  })
  .meta({ id: 'Candidates' });
export type CandidatesAnswer = z.infer<typeof CandidatesAnswer>;
