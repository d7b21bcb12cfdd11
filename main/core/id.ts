import { z } from 'zod';

/** A libp2p peer id; one computer running Skein, kept over restarts. */
export const NodeId = z.string().min(8).max(128).brand<'NodeId'>();
export type NodeId = z.infer<typeof NodeId>;

/** Names that every JavaScript object answers to would be found in the state's records without being there. */
const isFree = (name: string): boolean => !(name in {});
const RESERVED = 'is a reserved word; choose another name';

/** Chosen by people or derived from the model's name; it is part of URLs. */
export const MetaInstanceId = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'must be 1 to 63 of a-z, 0-9 and "-", not starting with "-"')
  .refine(isFree, RESERVED)
  .brand<'MetaInstanceId'>();
export type MetaInstanceId = z.infer<typeof MetaInstanceId>;

export const InstanceId = z.string().min(1).max(128).brand<'InstanceId'>();
export type InstanceId = z.infer<typeof InstanceId>;

export const RunnerId = z.string().min(1).max(200).brand<'RunnerId'>();
export type RunnerId = z.infer<typeof RunnerId>;

export const TaskId = z.string().min(1).max(128).brand<'TaskId'>();
export type TaskId = z.infer<typeof TaskId>;

/** Names a command for ever: the same id asked twice takes effect once. */
export const CommandId = z.string().min(1).max(128).brand<'CommandId'>();
export type CommandId = z.infer<typeof CommandId>;

/** A model card's name, e.g. `SmolLM2-135M-Instruct` or `org/model`. */
export const ModelId = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*(\/[A-Za-z0-9][A-Za-z0-9._-]*)?$/, 'must be "name" or "owner/name"')
  .max(160)
  .refine(isFree, RESERVED)
  .brand<'ModelId'>();
export type ModelId = z.infer<typeof ModelId>;

/** Part of the ids of what a master places: two sides of a partition never give one id to two Instances [L7]. */
export const EpochTag = z
  .string()
  .regex(/^t\d{1,16}-[^.]{1,8}$/)
  .brand<'EpochTag'>();
export type EpochTag = z.infer<typeof EpochTag>;

/** Short and readable: the term and the end of the master's id, in which peer ids differ. */
export function epochTagOf(epoch: { readonly term: number; readonly masterId: NodeId }): EpochTag {
  return `t${epoch.term}-${epoch.masterId.slice(-8).replaceAll('.', '_')}` as EpochTag;
}

/**
 * Instance ids are derived, never drawn: a create repeated after a crash names the same Instance.
 * @param placement `nextPlacement` of the MetaInstance: within an epoch no number comes twice under one name
 * @param epoch of the master that places it; absent = there is one node only, so that nobody else could
 */
export function instanceIdFor(
  metaInstanceId: MetaInstanceId,
  generation: number,
  placement: number,
  epoch?: EpochTag,
): InstanceId {
  const side = epoch === undefined ? '' : `.${epoch}`;
  return `${metaInstanceId}.g${generation}.p${placement}${side}` as InstanceId;
}

/** The MetaInstance whose Instance this is, the reverse of `instanceIdFor`; undefined = it has none. */
export function ownerOf(instanceId: InstanceId): MetaInstanceId | undefined {
  const end = instanceId.indexOf('.');
  return end === -1 ? undefined : (instanceId.slice(0, end) as MetaInstanceId);
}

/** Of an Instance without a MetaInstance: no "." in it, so that it is never taken for another one's. */
export const LoneInstanceId = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,128}$/, 'must be 1 to 128 of A-Z, a-z, 0-9, "_" and "-"')
  .refine(isFree, RESERVED)
  .pipe(InstanceId);

/** The Instance that a command to place one without a MetaInstance makes: said again, it is the same. */
export function loneInstanceIdFor(commandId: CommandId): InstanceId {
  return commandId.replace(/[^A-Za-z0-9_-]/g, '-') as InstanceId;
}

/**
 * @param incarnation how many times the Instance started over in place, starting at 0
 * @param rank the shard's rank, starting at 0
 * @param epoch of an Instance whose own id does not hold it, see `Instance.placedIn`
 */
export function runnerIdFor(
  instanceId: InstanceId,
  incarnation: number,
  rank: number,
  epoch?: EpochTag,
): RunnerId {
  const side = epoch === undefined ? '' : `.${epoch}`;
  return `${instanceId}${side}.i${incarnation}.r${rank}` as RunnerId;
}
