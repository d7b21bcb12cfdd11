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
  const split = new Array<number>(stages.length).fill(1);
  let open = layers - stages.length;
  const quickest = [...stages.keys()].sort((a, b) => msOf(stages, a) - msOf(stages, b) || a - b);
  for (let from = 0; from < quickest.length && open > 0;) {
    let to = from + 1;
    while (to < quickest.length && msOf(stages, quickest[to]) === msOf(stages, quickest[from])) to += 1;
    open -= share(stages, quickest.slice(from, to), open, split);
    from = to;
  }
  return split;
}

/** Gives equally fast stages what is open, beside the one layer that each has. @returns how many layers that were */
function share(stages: readonly Stage[], group: readonly number[], open: number, split: number[]): number {
  const members = group.flatMap((at) => stages[at] ?? []);
  const given = Math.min(
    open,
    members.reduce((sum, { capacity }) => sum + capacity - 1, 0),
  );
  const shares = group.length === 1 ? [given + 1] : balancedSplit(members, given + group.length);
  group.forEach((at, position) => {
    split[at] = shares?.[position] ?? 1;
  });
  return given;
}

const msOf = (stages: readonly Stage[], at = 0): number => stages[at]?.layerMs ?? 0;

const total = (stages: readonly Stage[]): number =>
  stages.every(({ capacity }) => capacity >= 1)
    ? stages.reduce((sum, { capacity }) => sum + capacity, 0)
    : -1;
