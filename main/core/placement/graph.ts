/**
 * A directed graph over nodes 0 … size − 1, row-major: `linked[from · size + to]` is 1 where `from` reaches `to`.
 */
export interface Graph {
  readonly size: number;
  readonly linked: Uint8Array;
}

const touches = ({ size, linked }: Graph, a: number, b: number): boolean =>
  linked[a * size + b] === 1 || linked[b * size + a] === 1;

/**
 * Biconnected blocks of three or more nodes: every simple cycle of three or more lies within one of them, so chains,
 * stars and bridges never cost a search. Directions do not count. O(size²).
 * Source: Hopcroft and Tarjan, Algorithm 447 (1973).
 * @returns each block's nodes in ascending order
 */
export function blocksOf(graph: Graph): number[][] {
  const { size } = graph;
  const depth = new Int32Array(size).fill(-1);
  const low = new Int32Array(size);
  const blocks: number[][] = [];
  const pending: number[] = [];
  const visit = (node: number, parent: number, level: number): void => {
    depth[node] = level;
    low[node] = level;
    pending.push(node);
    for (let next = 0; next < size; next += 1) {
      if (next === node || next === parent || !touches(graph, node, next)) continue;
      if ((depth[next] ?? -1) >= 0) {
        low[node] = Math.min(low[node] ?? 0, depth[next] ?? 0);
        continue;
      }
      visit(next, node, level + 1);
      low[node] = Math.min(low[node] ?? 0, low[next] ?? 0);
      if ((low[next] ?? 0) < level) continue;
      const block = [node];
      for (let popped = pending.pop(); popped !== undefined; popped = pending.pop()) {
        block.push(popped);
        if (popped === next) break;
      }
      if (block.length >= 3) blocks.push(block.sort((a, b) => a - b));
    }
  };
  for (let node = 0; node < size; node += 1) if (depth[node] === -1) visit(node, -1, 0);
  return blocks;
}

/** In how many pieces the rest falls when `taken` nodes leave; 0 = nothing is left. Directions do not count. */
export function piecesWithout(graph: Graph, taken: readonly number[]): number {
  const { size } = graph;
  const seen = new Uint8Array(size);
  for (const node of taken) seen[node] = 1;
  let pieces = 0;
  for (let start = 0; start < size; start += 1) {
    if (seen[start] === 1) continue;
    pieces += 1;
    seen[start] = 1;
    const open = [start];
    for (let node = open.pop(); node !== undefined; node = open.pop()) {
      for (let next = 0; next < size; next += 1) {
        if (seen[next] === 1 || !touches(graph, node, next)) continue;
        seen[next] = 1;
        open.push(next);
      }
    }
  }
  return pieces;
}

/** For each node those that reach it (`into`) and those that it reaches (`out`), ascending. */
export function neighbours({ size, linked }: Graph): { readonly into: number[][]; readonly out: number[][] } {
  const into = Array.from({ length: size }, (): number[] => []);
  const out = Array.from({ length: size }, (): number[] => []);
  for (let from = 0; from < size; from += 1) {
    for (let to = 0; to < size; to += 1) {
      if (linked[from * size + to] !== 1) continue;
      into[to]?.push(from);
      out[from]?.push(to);
    }
  }
  return { into, out };
}

/** How many steps each node is from `target` within the nodes allowed; Infinity = it can't be reached. */
export function stepsTo(
  into: readonly (readonly number[])[],
  target: number,
  allowed: Uint8Array,
): Float64Array {
  const steps = new Float64Array(into.length).fill(Infinity);
  steps[target] = 0;
  let front = [target];
  for (let distance = 1; front.length > 0; distance += 1) {
    const reached: number[] = [];
    for (const node of front) {
      for (const from of into[node] ?? []) {
        if (allowed[from] !== 1 || steps[from] !== Infinity) continue;
        steps[from] = distance;
        reached.push(from);
      }
    }
    front = reached;
  }
  return steps;
}
