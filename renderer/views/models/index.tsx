import { observer } from 'mobx-react-lite';
import { type ReactElement, useMemo } from 'react';
import { ModelId } from '../../../main/core/id.ts';
import { IMPORT } from '../../stores/opening.ts';
import { modelRows, nodeDisks } from '../../stores/models/model-rows.ts';
import type { RootStore } from '../../stores/root-store.ts';
import { ModelsView } from './models-view.tsx';

/** The models within the page: what the cluster tells of them, and where their buttons lead. */
const View = observer(function View({ root }: { readonly root: RootStore }): ReactElement {
  const { models, cluster, chat, ui } = root;
  const { state, telemetry } = cluster;
  const { cards, paths, search } = models;
  const node = root.connection.hello?.name ?? '';
  const rows = useMemo(() => {
    const local = { node, modelIds: new Set(paths.keys()) };
    return modelRows({ state, downloads: telemetry?.downloads ?? [], local }, { cards, search });
  }, [state, telemetry, cards, paths, search, node]);
  const disks = useMemo(() => nodeDisks(state, telemetry?.nodes ?? {}), [state, telemetry]);
  return (
    <ModelsView
      store={models}
      rows={rows}
      disks={disks}
      node={node === '' ? null : node}
      importing={ui.route.detail === IMPORT}
      setImporting={(open) => ui.show('models', open ? IMPORT : null)}
      run={(modelId) => ui.openDialog({ type: 'Create', modelId: ModelId.parse(modelId) })}
      chat={(id) => {
        chat.open(null);
        chat.useTarget(id);
        ui.show('chat');
      }}
    />
  );
});

export default View;
