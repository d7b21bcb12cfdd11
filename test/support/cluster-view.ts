import { z } from 'zod';
import { EventView } from '../../main/core/contract/rest-state.ts';
import { InstanceId, MetaInstanceId, NodeId, RunnerId } from '../../main/core/id.ts';

const Fields = z.object({
  instanceId: InstanceId,
  metaInstanceId: MetaInstanceId.nullable(),
  generation: z.int(),
  incarnation: z.int(),
  shardAssignments: z.object({ nodeToRunner: z.record(NodeId, RunnerId) }),
});

/** The part of `/state` that a cluster is judged by. */
export const Seen = z.object({
  lastEventAppliedIdx: z.int(),
  term: z.int(),
  master: z.object({ nodeId: NodeId }).nullable(),
  metaInstances: z.record(MetaInstanceId, z.object({ phase: z.string(), deleting: z.boolean() })),
  instances: z.record(
    InstanceId,
    z.union([
      z.object({ MlxRingInstance: Fields }).transform(({ MlxRingInstance }) => MlxRingInstance),
      z.object({ MlxJacclInstance: Fields }).transform(({ MlxJacclInstance }) => MlxJacclInstance),
    ]),
  ),
  topology: z.object({ nodes: z.array(NodeId) }),
  runners: z.record(RunnerId, z.record(z.string(), z.unknown())),
});
export type Seen = z.infer<typeof Seen>;

export const Events = z.array(EventView);

/** What `/state` says in one line, for the message of a failed test. */
export function inOneLine(seen: Seen): string {
  const { lastEventAppliedIdx, term, master, metaInstances, instances, runners } = seen;
  const wanted = Object.entries(metaInstances).map(([id, { phase }]) => `${id} ${phase}`);
  const running = Object.entries(runners).map(([id, status]) => `${id} ${Object.keys(status).join()}`);
  return (
    `at ${lastEventAppliedIdx}, term ${term}, master ${master?.nodeId.slice(-6) ?? 'none'}; ` +
    `${wanted.slice(0, 12).join(', ')}${wanted.length > 12 ? ` and ${wanted.length - 12} more` : ''}; ` +
    `${Object.keys(instances).length} Instances; ${running.join(', ')}`
  );
}
