/** What of a node counts when layers are split. */
export interface Stage {
  /** Most layers its memory takes; at least 1. */
  readonly capacity: number;
  /** Its share in a balanced split: memory times speed, any unit. */
  readonly weight: number;
  /** Time of one layer of one token. */
  readonly layerMs: number;
}

/**
 * Splits layers over stages in proportion to their weights, at least 1 and at most `capacity` each: what rounding
 * or a share puts over a node's memory goes to those with room [P8].
 * @returns layers by stage; null = they do not fit
 */
export function balancedSplit(stages: readonly Stage[], layers: number): number[] | null {
  if (layers < stages.length || total(stages) < layers) return null;
  const weights = stages.reduce((sum, { weight }) => sum + weight, 0);
  const ideal = stages.map(({ weight }) =>
    weights === 0 ? layers / stages.length : (layers * weight) / weights,
  );
  const split = stages.map(({ capacity }, at) => Math.max(1, Math.min(capacity, Math.floor(ideal[at] ?? 0))));
  let open = layers - split.reduce((sum, each) => sum + each, 0);
  while (open !== 0) {
    const step = Math.sign(open);
    let best = -1;
    let bestGap = -Infinity;
    stages.forEach(({ capacity }, at) => {
      const held = split[at] ?? 0;
      if (step > 0 ? held >= capacity : held <= 1) return;
      const gap = step * ((ideal[at] ?? 0) - held);
      if (gap > bestGap) [best, bestGap] = [at, gap];
    });
    split[best] = (split[best] ?? 0) + step;
    open -= step;
  }
  return split;
}

/**
 * The split with the least time for one token: every stage one layer, the rest to the fastest first, as much as its
 * memory takes; equally fast ones share by weight.
 * @returns layers by stage; null = they do not fit
 */
export function fastestSplit(stages: readonly Stage[], layers: number): number[] | null {
  if (layers < stages.length || total(stages) < layers) return null;
  const split = stages.map(() => 1);
  let open = layers - stages.length;
  const speeds = [...new Set(stages.map(({ layerMs }) => layerMs))].sort((a, b) => a - b);
  for (const speed of speeds) {
    const group = stages.flatMap((stage, at) => (stage.layerMs === speed ? [{ stage, at }] : []));
    const room = group.reduce((sum, { stage }) => sum + stage.capacity - 1, 0);
    const given = Math.min(open, room);
    const share = balancedSplit(
      group.map(({ stage }) => stage),
      given + group.length,
    );
    group.forEach(({ at }, position) => {
      split[at] = share?.[position] ?? 1;
    });
    open -= given;
  }
  return split;
}

const total = (stages: readonly Stage[]): number =>
  stages.every(({ capacity }) => capacity >= 1)
    ? stages.reduce((sum, { capacity }) => sum + capacity, 0)
    : -1;
