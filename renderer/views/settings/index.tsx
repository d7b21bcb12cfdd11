import { observer } from 'mobx-react-lite';
import { useCallback, useEffect, useState, type ReactElement } from 'react';
import type { ViewProps } from '../../view-props.ts';
import { Button } from '../../components/button.tsx';
import { EmptyState, Segmented } from '../../components/small.tsx';
import type { NodeSettings, SettingKey } from '../../../main/core/contract/ipc-settings.ts';
import type { Theme } from '../../stores/ui-store.ts';
import { settings } from '../../strings/settings.ts';
import { shell } from '../../strings/shell.ts';
import { AppSettings } from './app-settings.tsx';
import { ClusterSettings } from './cluster-settings.tsx';
import { Row, Section } from './section.tsx';
import { SettingRow } from './setting-row.tsx';

const sections: readonly (readonly [string, readonly SettingKey[]])[] = [
  [settings.sections.general, ['name', 'port', 'logLevel']],
  [settings.sections.network, ['discovery', 'peerPort', 'peerHost', 'peers']],
  [settings.sections.work, ['maxTasks', 'maxQueued', 'prefillChunk', 'kvBytes']],
  [settings.sections.files, ['dataDir', 'modelDirs']],
];

/** How this page looks, what this node was told, and its cluster. */
export default observer(function SettingsView({ root }: ViewProps): ReactElement {
  const { hello } = root.connection;
  const [known, setKnown] = useState<NodeSettings | null>(null);
  const load = useCallback((): void => {
    root.call('settings', {}).then(setKnown, () => undefined);
  }, [root]);
  useEffect(load, [load, hello]);
  if (hello === undefined || known === null) return <EmptyState title={shell.connecting} />;
  const themes = Object.entries(settings.themes) as [Theme, string][];
  const copy = (text: string): void => {
    void navigator.clipboard.writeText(text).then(() => root.toasts.show({ text: settings.copied }));
  };
  return (
    <div className="h-full overflow-y-auto">
      <div className="mx-auto flex max-w-2xl flex-col gap-6 px-4 py-5 sm:px-6">
        <h1 className="text-xl">{settings.title}</h1>
        <Section title={settings.appearance}>
          <Row label={settings.theme}>
            <Segmented
              label={settings.theme}
              value={root.ui.theme}
              options={themes.map(([value, text]) => ({ value, text }))}
              onChange={(theme) => root.ui.setTheme(theme)}
            />
          </Row>
          <Row label={settings.welcome}>
            <Button onClick={() => root.ui.welcome(false)}>{settings.welcome}</Button>
          </Row>
        </Section>
        {root.app !== undefined && <AppSettings app={root.app} toasts={root.toasts} />}
        <Section title={settings.node}>
          {hello.apiAddress !== null && (
            <Row label={settings.apiAddress}>
              <span className="flex items-center gap-2">
                <code className="font-mono text-sm select-text">{hello.apiAddress}/v1</code>
                <Button onClick={() => copy(`${hello.apiAddress ?? ''}/v1`)}>{settings.copy}</Button>
              </span>
            </Row>
          )}
          <Row label={settings.nodeId}>
            <code className="font-mono text-xs break-all select-text">{hello.nodeId}</code>
          </Row>
          <Row label={settings.version}>{hello.version}</Row>
        </Section>
        <ClusterSettings root={root} />
        <p className="-mb-3 text-sm text-muted">{settings.restart}</p>
        {sections.map(([title, keys]) => (
          <Section key={title} title={title}>
            {keys.map((key) => {
              const setting = known.settings.find((each) => each.key === key);
              return setting && <SettingRow key={key} root={root} setting={setting} onChanged={setKnown} />;
            })}
          </Section>
        ))}
      </div>
    </div>
  );
});
