import { observer } from 'mobx-react-lite';
import { useEffect, useState, type ReactElement } from 'react';
import type { ViewProps } from '../../view-props.ts';
import { Button } from '../../components/button.tsx';
import { Dialog } from '../../components/dialog.tsx';
import type { MethodResult } from '../../../main/core/contract/ipc.ts';
import { settings } from '../../strings/settings.ts';
import { Row, Section } from './section.tsx';

/** Which cluster this is, and how to come in and out. */
export const ClusterSettings = observer(function ClusterSettings({ root }: ViewProps): ReactElement {
  const { hello } = root.connection;
  const [known, setKnown] = useState<MethodResult<'cluster'> | null>(null);
  const [leaving, setLeaving] = useState(false);
  const rdma = hello && root.cluster.telemetry?.hardware[hello.nodeId]?.rdma.status;
  useEffect(() => {
    root.call('cluster', {}).then(setKnown, () => undefined);
  }, [root, hello]);
  const leave = async (): Promise<void> => {
    try {
      root.toasts.show({ text: (await root.call('leave', {})).message });
    } catch (error) {
      root.toasts.failed(error);
    }
    setLeaving(false);
  };
  return (
    <Section title={settings.cluster}>
      <Row label={settings.clusterWhy}>
        <span className="font-mono text-xs text-muted select-text">
          {known !== null && settings.key(known.keyFingerprint, known.keyGeneration)}
        </span>
      </Row>
      {rdma !== undefined && <Row label={settings.rdma}>{settings.rdmaStates[rdma]}</Row>}
      <div className="flex gap-2 px-4 py-2">
        <Button onClick={() => root.ui.openDialog({ type: 'Pair' })}>{settings.pair}</Button>
        <Button look="danger" onClick={() => setLeaving(true)}>
          {settings.leave}
        </Button>
      </div>
      {leaving && (
        <Dialog
          title={settings.leaveTitle}
          onClose={() => setLeaving(false)}
          footer={
            <>
              <Button onClick={() => setLeaving(false)}>{settings.cancel}</Button>
              <Button look="danger" onClick={() => void leave()}>
                {settings.leaveConfirm}
              </Button>
            </>
          }
        >
          {settings.leaveWhy}
        </Dialog>
      )}
    </Section>
  );
});
