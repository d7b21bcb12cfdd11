import { neighbours, stepsTo, type Graph } from './graph.ts';

/** Where to look for places. Nodes are numbered by capacity, the greatest first: early finds are good finds. */
export interface Space {
  readonly graph: Graph;
  /** Most layers each node's memory takes, descending. */
  readonly capacity: readonly number[];
  /** Nodes that must take part. */
  readonly required: readonly number[];
  readonly blocks: readonly (readonly number[])[];
}

/**
 * Work left, in path extensions; a search that finds none left ends. With it every search is polynomial: finding a
 * cycle of k nodes is NP-hard in general graphs.
 */
export interface Budget {
  left: number;
}

export type Outcome = 'Exhausted' | 'OutOfWork';

/**
 * Calls `visit` for every ring of `count` nodes that holds the required ones and whose capacities reach `needed`:
 * each cyclic order and direction once, for 3 or more nodes; each pair and each single node once.
 * `Exhausted` means that there are no others. In practice that is so
 * - for any graph of at most 7 nodes, and for chains, stars, rings and bridges of any size, whose blocks leave no choice;
 * - in a full mesh of any size the first visit is the roomiest set, so whether there is a place is always answered.
 */
export function visitRings(
  space: Space,
  wanted: { readonly count: number; readonly needed: number },
  budget: Budget,
  visit: (order: readonly number[]) => void,
): Outcome {
  const { count } = wanted;
  if (count < 3) return visitSmall(space, wanted, budget, visit);
  for (const block of space.blocks) {
    if (block.length < count || !space.required.every((node) => block.includes(node))) continue;
    if (visitBlock(space, block, wanted, budget, visit) === 'OutOfWork') return 'OutOfWork';
  }
  return 'Exhausted';
}

/** Like `visitRings`, for sets in which each node reaches each other: every set once, in ascending order. */
export function visitMeshes(
  { graph: { size, linked }, capacity, required }: Space,
  { count, needed }: { readonly count: number; readonly needed: number },
  budget: Budget,
  visit: (order: readonly number[]) => void,
): Outcome {
  const path: number[] = [];
  const extend = (candidates: readonly number[], held: number, missing: number): Outcome => {
    if (path.length === count) {
      if (missing === 0) visit([...path]);
      return 'Exhausted';
    }
    for (let at = 0; at < candidates.length; at += 1) {
      budget.left -= 1;
      if (budget.left < 0) return 'OutOfWork';
      const open = count - path.length;
      if (candidates.length - at < open || missing > open) return 'Exhausted';
      const best = candidates.slice(at, at + open).reduce((sum, node) => sum + (capacity[node] ?? 0), held);
      if (best < needed) return 'Exhausted';
      const node = candidates[at] ?? 0;
      path.push(node);
      const peers = candidates
        .slice(at + 1)
        .filter((peer) => linked[node * size + peer] === 1 && linked[peer * size + node] === 1);
      const outcome = extend(
        peers,
        held + (capacity[node] ?? 0),
        missing - (required.includes(node) ? 1 : 0),
      );
      path.pop();
      if (outcome === 'OutOfWork') return outcome;
      if (required.includes(node)) return 'Exhausted';
    }
    return 'Exhausted';
  };
  return extend([...capacity.keys()], 0, required.length);
}

function visitSmall(
  { graph: { size, linked }, capacity, required }: Space,
  { count, needed }: { readonly count: number; readonly needed: number },
  budget: Budget,
  visit: (order: readonly number[]) => void,
): Outcome {
  const has = (...nodes: number[]): boolean => required.every((node) => nodes.includes(node));
  for (let a = 0; a < size; a += 1) {
    if (count === 1) {
      if ((capacity[a] ?? 0) >= needed && has(a)) visit([a]);
      continue;
    }
    for (let b = a + 1; b < size; b += 1) {
      if ((capacity[a] ?? 0) + (capacity[b] ?? 0) < needed) break;
      if (linked[a * size + b] !== 1 || linked[b * size + a] !== 1 || !has(a, b)) continue;
      budget.left -= 1;
      if (budget.left < 0) return 'OutOfWork';
      visit([a, b]);
    }
  }
  return 'Exhausted';
}

function visitBlock(
  { graph, capacity, required }: Space,
  block: readonly number[],
  { count, needed }: { readonly count: number; readonly needed: number },
  budget: Budget,
  visit: (order: readonly number[]) => void,
): Outcome {
  const { size, linked } = graph;
  const { into, out } = neighbours(graph);
  const [anchor] = required;
  const starts = anchor === undefined ? block : [anchor];
  const allowed = new Uint8Array(size);
  for (const node of block) allowed[node] = 1;
  const used = new Uint8Array(size);
  const isRequired = new Uint8Array(size);
  for (const node of required) isRequired[node] = 1;

  for (const start of starts) {
    const members = block.filter((node) => allowed[node] === 1);
    if (members.length < count || !reaches(members, used, capacity, count, needed)) break;
    const back = stepsTo(into, start, allowed);
    const path = [start];
    used[start] = 1;
    const extend = (held: number, missing: number): Outcome => {
      const last = path[path.length - 1] ?? start;
      const open = count - path.length;
      if (open === 0) {
        if (missing === 0 && linked[last * size + start] === 1) visit([...path]);
        return 'Exhausted';
      }
      if (missing > open || !reaches(members, used, capacity, open, needed - held)) return 'Exhausted';
      for (const next of out[last] ?? []) {
        if (allowed[next] !== 1 || used[next] === 1 || (back[next] ?? Infinity) > open) continue;
        budget.left -= 1;
        if (budget.left < 0) return 'OutOfWork';
        used[next] = 1;
        path.push(next);
        const outcome = extend(held + (capacity[next] ?? 0), missing - (isRequired[next] ?? 0));
        path.pop();
        used[next] = 0;
        if (outcome === 'OutOfWork') return outcome;
      }
      return 'Exhausted';
    };
    const outcome = extend(capacity[start] ?? 0, required.length - (isRequired[start] ?? 0));
    used[start] = 0;
    if (outcome === 'OutOfWork') return outcome;
    // Without required nodes, every ring through this start was seen: later ones do without it.
    allowed[start] = 0;
  }
  return 'Exhausted';
}

/** Whether the roomiest `open` unused members reach what is missing; members come by capacity. */
function reaches(
  members: readonly number[],
  used: Uint8Array,
  capacity: readonly number[],
  open: number,
  missing: number,
): boolean {
  let left = open;
  let sum = 0;
  for (const node of members) {
    if (left === 0 || sum >= missing) break;
    if (used[node] === 1) continue;
    sum += capacity[node] ?? 0;
    left -= 1;
  }
  return sum >= missing;
}
