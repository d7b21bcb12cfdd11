import { observer } from 'mobx-react-lite';
import { useState, type ReactElement } from 'react';
import type { ViewProps } from '../../view-props.ts';
import { EmptyState } from '../../components/small.tsx';
import type { NodeId } from '../../../main/core/id.ts';
import { graphOf } from '../../stores/cluster/graph.ts';
import { shell } from '../../strings/shell.ts';
import { Findings } from './findings.tsx';
import { ClusterGraph } from './cluster-graph.tsx';
import { NodeDetails } from './node-details.tsx';
import { RunningModels } from './running-models.tsx';

/** The computers, how they are linked, what needs attention, and what runs. */
export default observer(function ClusterView({ root }: ViewProps): ReactElement {
  const { state, telemetry, isKnown } = root.cluster;
  const [chosen, setChosen] = useState<NodeId | null>(null);
  if (!isKnown) return <EmptyState title={shell.connecting} />;
  const graph = graphOf(state, telemetry, root.connection.hello?.nodeId);
  const node = graph.nodes.find(({ nodeId }) => nodeId === chosen);
  return (
    <div className="h-full overflow-y-auto">
      <div className="mx-auto flex max-w-5xl flex-col gap-5 px-4 py-5 sm:px-6">
        <ClusterGraph root={root} graph={graph} chosen={chosen} onChoose={setChosen} />
        {node !== undefined && (
          <NodeDetails root={root} graph={graph} node={node} onClose={() => setChosen(null)} />
        )}
        <Findings root={root} />
        <RunningModels root={root} />
      </div>
    </div>
  );
});
