import type { RunnerId } from '../../main/core/id.ts';
import type { RunnerStatus } from '../../main/core/instance.ts';
import type { LocalView } from '../../main/core/worker/plan.ts';

export type Step = Exclude<RunnerStatus['type'], 'Failed'>;

/** What a node holds: its runners by their status, its downloads. */
export function holding(
  runners: Readonly<Record<RunnerId, Step | RunnerStatus | undefined>> = {},
  downloads: LocalView['downloads'] = {},
): LocalView {
  const held = Object.entries(runners).map(([id, status]) => [
    id,
    {
      instanceId: id.slice(0, id.indexOf('.i')),
      status: typeof status === 'string' ? { type: status } : status,
    },
  ]);
  return { runners: Object.fromEntries(held) as LocalView['runners'], downloads };
}
