import type { NodeId } from '../../main/core/id.ts';
import type { Link, LinkKind } from '../../main/core/topology.ts';

type Figures = Partial<Pick<Link, 'bytesPerSecond' | 'latencyMs'>> & {
  readonly kind?: LinkKind;
  /** Whether RDMA runs over it; the device is named after its other end. */
  readonly rdma?: boolean;
};

/** A cable: links both ways. */
export function cable(
  a: NodeId,
  b: NodeId,
  { kind = 'Thunderbolt', rdma = false, ...figures }: Figures = {},
): Link[] {
  const way = (from: NodeId, to: NodeId): Link => ({
    from,
    to,
    kind,
    ...figures,
    ...(rdma ? { rdmaDevice: `rdma_${to.slice(-8)}` } : {}),
  });
  return [way(a, b), way(b, a)];
}

/** Each to the next. */
export function chainOf(nodes: readonly NodeId[], figures: Figures = {}): Link[] {
  return nodes.slice(1).flatMap((node, at) => cable(nodes[at]!, node, figures));
}

/** A chain whose ends are joined too. */
export function ringOf(nodes: readonly NodeId[], figures: Figures = {}): Link[] {
  return [...chainOf(nodes, figures), ...cable(nodes[nodes.length - 1]!, nodes[0]!, figures)];
}

/** Each to each. */
export function meshOf(nodes: readonly NodeId[], figures: Figures = {}): Link[] {
  return nodes.flatMap((node, at) => nodes.slice(at + 1).flatMap((other) => cable(node, other, figures)));
}

/** The first to all others. */
export function starOf([center, ...leaves]: readonly NodeId[], figures: Figures = {}): Link[] {
  return leaves.flatMap((leaf) => cable(center!, leaf, figures));
}
