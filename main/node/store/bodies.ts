import { z } from 'zod';
import { Epoch } from '../../core/election/epoch.ts';
import { EpochStart } from '../../core/election/log-index.ts';
import { KeptCommand } from '../../core/election/message.ts';
import type { Ballot } from '../../core/election/replica.ts';
import { NodeId } from '../../core/id.ts';
import { ClusterState, emptyState } from '../../core/state.ts';

/** What the rows' bodies hold, as JSON, beside `Entry` and `KeptCommand`. */
export const StoredBallot = z.strictObject({
  lives: z.int().min(0),
  term: z.int().min(0),
  vote: NodeId.nullable(),
  lineage: Epoch.nullable(),
}) satisfies z.ZodType<Ballot>;

export const StoredTailCommand = z.strictObject({ tailId: z.string(), command: KeptCommand });

/** A snapshot's state is the JSON that its parts make when put together. */
export const SnapshotHead = z.strictObject({
  parts: z.int().min(1),
  /** The epochs up to its index: they outlive the entries. */
  starts: z.array(EpochStart),
});
export type SnapshotHead = z.infer<typeof SnapshotHead>;

/** Undefined when it is no JSON or something else than `schema` says. */
export function parseBody<Value>(
  schema: { safeParse(value: unknown): { data?: Value } },
  body: string | undefined,
): Value | undefined {
  if (body === undefined) return undefined;
  try {
    return schema.safeParse(JSON.parse(body)).data;
  } catch {
    return undefined;
  }
}

/** A state as this or an earlier release wrote it: what that one did not know of is empty. */
export function parseState(body: string, index: number): ClusterState | undefined {
  const Stored = z.preprocess(
    (value) => (typeof value === 'object' ? { ...emptyState, ...value } : value),
    ClusterState,
  );
  const state = parseBody(Stored, body);
  return state?.lastIndex === index ? state : undefined;
}
