import { X } from 'lucide-react';
import { observer } from 'mobx-react-lite';
import { useState, type ReactElement } from 'react';
import { Button } from '../../components/button.tsx';
import { Dialog } from '../../components/dialog.tsx';
import { formatBytes } from '../../lib/format.ts';
import type { Graph, GraphNode } from '../../stores/cluster/graph.ts';
import type { RootStore } from '../../stores/root-store.ts';
import { hashOf } from '../../stores/ui-store.ts';
import { cluster } from '../../strings/cluster.ts';
import { shell } from '../../strings/shell.ts';
import { linkFigures } from './cluster-graph.tsx';

/** What is known of one node, and what can be done about it. */
export const NodeDetails = observer(function NodeDetails({
  root,
  graph,
  node,
  onClose,
}: {
  readonly root: RootStore;
  readonly graph: Graph;
  readonly node: GraphNode;
  readonly onClose: () => void;
}): ReactElement {
  const [removing, setRemoving] = useState(false);
  const links = graph.links.filter(({ a, b }) => a === node.nodeId || b === node.nodeId);
  const nameOf = (nodeId: string): string =>
    graph.nodes.find((each) => each.nodeId === nodeId)?.name ?? nodeId;
  const machine = root.cluster.telemetry?.hardware[node.nodeId]?.machine;
  const facts = [
    machine?.model,
    machine?.chip,
    machine?.os === undefined ? undefined : `${machine.os} ${machine.osVersion ?? ''}`.trim(),
    cluster.version(node.version),
    node.disk === null ? undefined : cluster.disk(formatBytes(node.disk.availableBytes)),
  ].filter((fact) => fact !== undefined);
  return (
    <section aria-label={cluster.details(node.name)} className="rounded-xl border border-line bg-raised p-4">
      <header className="flex items-start justify-between gap-3">
        <div className="min-w-0">
          <h2 className="truncate text-lg">{node.name}</h2>
          <p className="text-muted">{facts.join(' · ')}</p>
          <p className="truncate font-mono text-xs text-muted select-text">{node.nodeId}</p>
        </div>
        <Button look="quiet" icon={<X size={15} aria-hidden />} label={shell.close} onClick={onClose} />
      </header>
      <div className="mt-3 grid gap-4 sm:grid-cols-2">
        <div>
          <h3 className="pb-1">{cluster.runs}</h3>
          {node.memory === null || node.memory.parts.length === 0 ? (
            <p className="text-muted">{cluster.nothingRuns}</p>
          ) : (
            <ul>
              {node.memory.parts.map(({ instanceId, name, bytes }) => (
                <li key={instanceId} className="flex justify-between gap-3">
                  <span className="truncate">{name}</span>
                  <span className="text-muted">{formatBytes(bytes)}</span>
                </li>
              ))}
            </ul>
          )}
        </div>
        {links.length > 0 && (
          <div>
            <h3 className="pb-1">{cluster.links}</h3>
            <ul>
              {links.map((link) => (
                <li key={`${link.a} ${link.b}`} className="flex justify-between gap-3">
                  <span className="truncate">{nameOf(link.a === node.nodeId ? link.b : link.a)}</span>
                  <span className="text-muted">
                    {[cluster.kinds[link.kind], link.rdma ? cluster.rdma : '', linkFigures(link)]
                      .filter(Boolean)
                      .join(' · ')}
                  </span>
                </li>
              ))}
            </ul>
          </div>
        )}
      </div>
      <div className="mt-3 flex items-center gap-3">
        <a className="text-accent hover:underline" href={hashOf({ view: 'activity', detail: node.nodeId })}>
          {cluster.history}
        </a>
        {!node.isSelf && (
          <Button look="danger" onClick={() => setRemoving(true)}>
            {cluster.remove}
          </Button>
        )}
      </div>
      {removing && (
        <Dialog
          title={cluster.removeTitle(node.name)}
          onClose={() => setRemoving(false)}
          footer={
            <>
              <Button onClick={() => setRemoving(false)}>{cluster.cancel}</Button>
              <Button look="danger" onClick={() => void remove(root, node, () => setRemoving(false))}>
                {cluster.confirmRemove}
              </Button>
            </>
          }
        >
          {cluster.removeWhy}
        </Dialog>
      )}
    </section>
  );
});

async function remove(root: RootStore, { nodeId, name }: GraphNode, done: () => void): Promise<void> {
  try {
    const { withoutKey } = await root.call('removeNode', { nodeId });
    const missed = withoutKey.length;
    root.toasts.show({ text: missed === 0 ? cluster.removed(name) : cluster.removedWithout(name, missed) });
  } catch (error) {
    root.toasts.failed(error);
  }
  done();
}
