import { Plus } from 'lucide-react';
import { observer } from 'mobx-react-lite';
import type { ReactElement } from 'react';
import { Button } from '../../components/button.tsx';
import { Badge } from '../../components/small.tsx';
import type { NodeId } from '../../../main/core/id.ts';
import { formatAgo, formatBandwidth, formatBytes, formatLatency } from '../../lib/format.ts';
import {
  layout,
  type Graph,
  type GraphLink,
  type GraphNode,
  type Point,
} from '../../stores/cluster/graph.ts';
import type { RootStore } from '../../stores/root-store.ts';
import { cluster } from '../../strings/cluster.ts';
import { MemoryBar } from './memory-bar.tsx';

/** Computers as cards on a ground, lines between them; on a narrow window a plain list. */
export const ClusterGraph = observer(function ClusterGraph({
  root,
  graph,
  chosen,
  onChoose,
}: {
  readonly root: RootStore;
  readonly graph: Graph;
  readonly chosen: NodeId | null;
  readonly onChoose: (nodeId: NodeId | null) => void;
}): ReactElement {
  return (
    <section aria-label={cluster.graph} className="flex flex-col gap-2">
      <header className="flex items-center justify-between">
        <h1 className="text-xl">{cluster.title}</h1>
        <Button icon={<Plus size={14} aria-hidden />} onClick={() => root.ui.openDialog({ type: 'Pair' })}>
          {cluster.pair}
        </Button>
      </header>
      <GraphGround
        graph={graph}
        chosen={chosen === null ? [] : [chosen]}
        now={root.now()}
        onChoose={(nodeId) => onChoose(nodeId === chosen ? null : nodeId)}
      />
    </section>
  );
});

/** The picture itself; the create dialog and the simulator draw it too. */
export function GraphGround({
  graph,
  chosen,
  now,
  onChoose,
  compact = false,
}: {
  readonly graph: Graph;
  readonly chosen: readonly NodeId[];
  readonly now: number;
  readonly onChoose: (nodeId: NodeId) => void;
  /** Where there is less room. */
  readonly compact?: boolean;
}): ReactElement {
  const points = layout(graph.nodes.length);
  const at = new Map(
    graph.nodes.map(({ nodeId }, position) => [nodeId, points[position] ?? { x: 0.5, y: 0.5 }]),
  );
  const height = graph.nodes.length <= 2 ? 'sm:h-56' : graph.nodes.length <= 4 ? 'sm:h-96' : 'sm:h-[30rem]';
  return (
    <div
      className={`relative flex flex-col gap-2 rounded-xl border border-line bg-sunken/40 p-2 sm:block sm:p-0 ${height}`}
    >
      <svg aria-hidden className="absolute inset-0 hidden size-full sm:block">
        {graph.links.map((link) => (
          <LinkLine key={`${link.a} ${link.b}`} link={link} at={at} />
        ))}
      </svg>
      {graph.links.map((link) => (
        <LinkLabel key={`${link.a} ${link.b}`} link={link} at={at} />
      ))}
      {graph.nodes.map((node, position) => {
        const point = points[position] ?? { x: 0.5, y: 0.5 };
        return (
          <div
            key={node.nodeId}
            className={`sm:absolute sm:-translate-x-1/2 sm:-translate-y-1/2 ${compact ? 'sm:w-40' : 'sm:w-52'}`}
            style={{ left: `${point.x * 100}%`, top: `${point.y * 100}%` }}
          >
            <NodeCard node={node} now={now} chosen={chosen.includes(node.nodeId)} onChoose={onChoose} />
          </div>
        );
      })}
    </div>
  );
}

function NodeCard({
  node,
  now,
  chosen,
  onChoose,
}: {
  readonly node: GraphNode;
  readonly now: number;
  readonly chosen: boolean;
  readonly onChoose: (nodeId: NodeId) => void;
}): ReactElement {
  const { memory, awaySince } = node;
  const facts = [
    node.load === null ? undefined : cluster.load(Math.round(node.load * 100)),
    node.temperatureCelsius === null ? undefined : cluster.temperature(node.temperatureCelsius),
    node.battery?.onBattery === true ? cluster.battery(node.battery.percent) : undefined,
  ].filter((fact) => fact !== undefined);
  return (
    <button
      type="button"
      aria-pressed={chosen}
      onClick={() => onChoose(node.nodeId)}
      className={`flex w-full flex-col gap-1.5 rounded-lg px-3 py-2.5 text-left shadow-card ${
        chosen ? 'outline-2 -outline-offset-1 outline-accent' : ''
      } ${awaySince === null ? 'bg-raised' : 'bg-sunken'}`}
    >
      <span className="flex items-center gap-2">
        <span
          className={`min-w-0 flex-1 truncate font-semibold ${awaySince === null ? '' : 'text-muted'}`}
          title={node.name}
        >
          {node.name}
        </span>
        {node.isMaster && <Badge tone="accent">{cluster.leads}</Badge>}
      </span>
      <span className="truncate text-sm text-muted">
        {awaySince === null
          ? [node.machine, node.isSelf ? cluster.here : undefined].filter(Boolean).join(' · ')
          : awaySince === 0
            ? cluster.awayUnknown
            : cluster.awaySince(formatAgo(awaySince, now))}
      </span>
      {memory !== null && awaySince === null && (
        <>
          <MemoryBar label={cluster.memory(node.name)} memory={memory} />
          <span className="text-xs text-muted">
            {cluster.memoryOf(
              formatBytes(memory.totalBytes - memory.availableBytes),
              formatBytes(memory.totalBytes),
            )}
          </span>
        </>
      )}
      {facts.length > 0 && awaySince === null && (
        <span className="text-xs text-muted">{facts.join(' · ')}</span>
      )}
    </button>
  );
}

function LinkLine({
  link,
  at,
}: {
  readonly link: GraphLink;
  readonly at: ReadonlyMap<NodeId, Point>;
}): ReactElement | null {
  const [one, other] = [at.get(link.a), at.get(link.b)];
  if (one === undefined || other === undefined) return null;
  return (
    <line
      x1={`${one.x * 100}%`}
      y1={`${one.y * 100}%`}
      x2={`${other.x * 100}%`}
      y2={`${other.y * 100}%`}
      className={link.rdma ? 'stroke-accent' : 'stroke-muted/60'}
      strokeWidth={link.rdma ? 2.5 : 1.5}
      strokeDasharray={link.kind === 'Wifi' ? '4 4' : undefined}
    />
  );
}

function LinkLabel({
  link,
  at,
}: {
  readonly link: GraphLink;
  readonly at: ReadonlyMap<NodeId, Point>;
}): ReactElement | null {
  const [one, other] = [at.get(link.a), at.get(link.b)];
  if (one === undefined || other === undefined) return null;
  return (
    <span
      className="absolute hidden -translate-x-1/2 -translate-y-1/2 flex-col items-center rounded-md bg-surface px-1.5 py-0.5 text-center text-xs leading-tight text-muted sm:flex"
      style={{ left: `${((one.x + other.x) / 2) * 100}%`, top: `${((one.y + other.y) / 2) * 100}%` }}
    >
      <span>
        {cluster.kinds[link.kind]}
        {link.rdma && <b className="pl-1 text-accent">{cluster.rdma}</b>}
      </span>
      <span>{linkFigures(link)}</span>
    </span>
  );
}

export function linkFigures({ bytesPerSecond, latencyMs }: GraphLink): string {
  return [
    bytesPerSecond === null ? undefined : formatBandwidth(bytesPerSecond * 8),
    latencyMs === null ? undefined : formatLatency(latencyMs),
  ]
    .filter((figure) => figure !== undefined)
    .join(' · ');
}
