import type { ReactElement } from 'react';
import { formatBytes } from '../../lib/format.ts';
import type { GraphNode } from '../../stores/cluster/graph.ts';
import { cluster } from '../../strings/cluster.ts';

const shades = ['bg-accent', 'bg-accent/70', 'bg-accent/45', 'bg-accent/30'];

/** Memory of one node: what each model takes, then other programs; the rest is free. */
export function MemoryBar({
  label,
  memory: { totalBytes, availableBytes, parts },
}: {
  readonly label: string;
  readonly memory: NonNullable<GraphNode['memory']>;
}): ReactElement {
  const models = parts.reduce((sum, { bytes }) => sum + bytes, 0);
  const others = Math.max(0, totalBytes - availableBytes - models);
  const width = (bytes: number): string => `${Math.min(100, (bytes / totalBytes) * 100)}%`;
  const words = [
    ...parts.map(({ name, bytes }) => `${name} ${formatBytes(bytes)}`),
    `${cluster.others} ${formatBytes(others)}`,
    `${cluster.free} ${formatBytes(availableBytes)}`,
  ].join(', ');
  return (
    <span
      role="img"
      aria-label={`${label}: ${words}`}
      title={words}
      className="flex h-1.5 overflow-hidden rounded-full bg-sunken"
    >
      {parts.map(({ instanceId, bytes }, position) => (
        <span
          key={instanceId}
          className={`min-w-0.5 border-r border-raised ${shades[position % shades.length] ?? ''}`}
          style={{ width: width(bytes) }}
        />
      ))}
      <span className="bg-muted/45" style={{ width: width(others) }} />
    </span>
  );
}
