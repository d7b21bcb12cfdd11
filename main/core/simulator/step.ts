import { z } from 'zod';
import { InstanceId, MetaInstanceId, ModelId, TaskId } from '../id.ts';
import { RunnerFailure, RunnerPhase } from '../instance.ts';
import { MetaInstanceSpec, SpecChanges } from '../meta-instance.ts';

/** A node's name in a scenario; its node id is `node-` before it. */
export const NodeName = z.string().regex(/^[a-z0-9][a-z0-9-]{2,30}$/, 'must be 3 to 31 of a-z, 0-9 and "-"');

const node = NodeName;
const times = z.int().min(1).max(1_000).default(1);
const link = z.tuple([node, node]).refine(([a, b]) => a !== b, 'joins a node with itself');
/** Whether both ends notice, or words just vanish. */
const how = z.enum(['closed', 'silent']).default('closed');
/** `forth` = only what the first node sends to the second one. */
const way = z.enum(['both', 'forth']).default('both');

/** Seconds from the beginning. */
const at = z.number().min(0);

const { modelId: _, nodeIds: __, ...askable } = MetaInstanceSpec.shape;

const verb = <Name extends string, Shape extends z.core.$ZodLooseShape>(
  name: Name,
  shape: Shape,
): z.ZodObject<{ at: typeof at; do: z.ZodLiteral<Name> } & Shape, z.core.$strict> =>
  z.strictObject({ at, do: z.literal(name), ...shape });

/** Of whichever runner comes next: on this node, of this MetaInstance, or any. */
const whichRunner = { node: node.optional(), name: MetaInstanceId.optional() };
const phase = RunnerPhase.exclude(['ShuttingDown']);

/** A person's command: asked at that node, the first running one where none is named. */
const asked = { name: MetaInstanceId, node: node.optional() };

const toPlace = {
  model: ModelId,
  nodes: z.array(node).optional(),
  spec: z.strictObject(askable).partial().optional(),
};

/** Something done to the cluster at a time. */
export const Step = z.discriminatedUnion('do', [
  verb('create', { ...asked, ...toPlace }),
  verb('update', { ...asked, changes: SpecChanges }),
  verb('pause', asked),
  verb('resume', asked),
  verb('retry', asked),
  /** As a chat does that meets one which was unloaded while idle. */
  verb('load', asked),
  verb('delete', asked),
  /** One without a MetaInstance. */
  verb('placeInstance', { ...toPlace, node: node.optional() }),
  /** Exactly as a person says: these nodes by rank, each an equal part of the layers. */
  verb('createInstance', {
    instance: InstanceId,
    model: ModelId,
    nodes: z.array(node).min(1),
    node: node.optional(),
  }),
  /** By its id, or the one that serves this MetaInstance as the asked node sees it. */
  verb('deleteInstance', {
    name: MetaInstanceId.optional(),
    instance: InstanceId.optional(),
    node: node.optional(),
  }),
  /** Taken out of the cluster for good: it stops once its log says so. Its way back is pairing, which is not simulated. */
  verb('removeNode', { removed: node, node: node.optional() }),
  verb('startTask', { ...asked, task: TaskId, seconds: z.number().min(0) }),
  verb('cancelTask', { task: TaskId, node: node.optional() }),
  /** Its client goes away. */
  verb('hangUp', { task: TaskId }),

  verb('start', { node }),
  /** Its process ends at once; peers see the connection close. */
  verb('kill', { node }),
  verb('restart', { node, downSeconds: z.number().min(0).default(2) }),
  /** It says goodbye and ends. */
  verb('quit', { node }),
  /** Its process stands still, as a sleeping computer's does. */
  verb('freeze', { node }),
  verb('thaw', { node }),
  /** Nobody is told; absent = all nodes. */
  verb('powerCut', { nodes: z.array(node).min(1).optional() }),
  verb('powerOn', { nodes: z.array(node).min(1).optional() }),
  verb('join', {
    as: z.strictObject({
      id: node,
      memoryGiB: z.number().positive(),
      friendlyName: z.string().min(1).optional(),
    }),
  }),

  verb('partition', { sides: z.array(z.array(node).min(1)).min(2), how }),
  /** Every link is as it was laid. */
  verb('heal', {}),
  verb('cutLink', { link, how, way }),
  verb('restoreLink', { link }),
  verb('slowLink', {
    link,
    way,
    latencyMs: z.tuple([z.number().min(0), z.number().min(0)]).optional(),
    lossPercent: z.number().min(0).max(90).default(0),
  }),
  /** All its connections break; a second later the others reach it at another address than those that rings use. */
  verb('changeAddress', { node }),
  /** Its RDMA devices are gone until it is healed. */
  verb('rdmaOff', { node }),

  verb('diskFull', { node }),
  verb('diskFree', { node }),
  /** So many writes fail; whether each reached the disk nobody knows. */
  verb('fsyncError', { node, times: z.int().min(0).max(1_000).default(1) }),
  /** Log and files are gone; the node comes back empty. */
  verb('diskLost', { node }),
  verb('clockSkew', { node, ms: z.number() }),
  /** What other programs take of its memory. */
  verb('memory', { node, takenGiB: z.number().min(0) }),

  verb('runnerFails', {
    ...whichRunner,
    phase,
    message: z.string().max(1_000).default('the engine threw'),
    reason: RunnerFailure.shape.reason.default('EngineFailed'),
    times,
  }),
  verb('runnerExits', { ...whichRunner, times }),
  verb('runnerHangs', { ...whichRunner, phase, times }),
  verb('killRunner', whichRunner),
  /** What was to go wrong and has not yet is forgotten. */
  verb('calm', {}),
  verb('downloadFails', { node, message: z.string().max(1_000).default('connection reset'), times }),
  verb('downloadStalls', { node, seconds: z.number().positive(), times }),
]);
export type Step = z.infer<typeof Step>;
export type StepOf<Verb extends Step['do']> = Extract<Step, { do: Verb }>;
