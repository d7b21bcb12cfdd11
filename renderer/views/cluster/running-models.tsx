import { Plus } from 'lucide-react';
import { observer } from 'mobx-react-lite';
import type { ReactElement } from 'react';
import { Button } from '../../components/button.tsx';
import { EmptyState } from '../../components/small.tsx';
import { instanceRows } from '../../stores/cluster/instance-rows.ts';
import type { RootStore } from '../../stores/root-store.ts';
import { cluster } from '../../strings/cluster.ts';
import { InstanceCard } from './instance-card.tsx';

/** What should run and how it does, those without a MetaInstance at the end. */
export const RunningModels = observer(function RunningModels({
  root,
}: {
  readonly root: RootStore;
}): ReactElement {
  const rows = instanceRows(root.cluster.state, root.cluster.telemetry).filter(
    ({ key }) => !root.undo.hides(key),
  );
  const create = (
    <Button
      look="primary"
      icon={<Plus size={14} aria-hidden />}
      onClick={() => root.ui.openDialog({ type: 'Create' })}
    >
      {cluster.create}
    </Button>
  );
  return (
    <section aria-label={cluster.models} className="flex flex-col gap-2 pb-6">
      <header className="flex items-center justify-between">
        <h2 className="text-lg">{cluster.models}</h2>
        {rows.length > 0 && create}
      </header>
      {rows.length === 0 ? (
        <div className="rounded-xl border border-line bg-raised py-6">
          <EmptyState title={cluster.noneTitle} action={create}>
            {cluster.none}
          </EmptyState>
        </div>
      ) : (
        <ul className="flex flex-col gap-2">
          {rows.map((row) => (
            <li key={row.key}>
              <InstanceCard root={root} row={row} />
            </li>
          ))}
        </ul>
      )}
    </section>
  );
});
