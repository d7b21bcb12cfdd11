import { observer } from 'mobx-react-lite';
import { useCallback, useEffect, useState, type ReactElement } from 'react';
import { Button } from '../../components/button.tsx';
import { inputClass, Segmented } from '../../components/small.tsx';
import type {
  AppInfo,
  AppSettings as Settings,
  AppSettingsChange,
  UpdateState,
  UpdateStep,
} from '../../../main/core/contract/ipc-app.ts';
import { unreachable } from '../../../main/core/result.ts';
import type { AppStore } from '../../stores/app-store.ts';
import type { ToastStore } from '../../stores/toast-store.ts';
import { settings } from '../../strings/settings.ts';
import { Row, Section } from './section.tsx';

type Switch = { [Key in keyof Settings]: Settings[Key] extends boolean ? Key : never }[keyof Settings];

/** Only a Mac has a menubar that an app can live in, and items that open at login. */
const switches: readonly (readonly [Switch, 'Everywhere' | 'Mac'])[] = [
  ['openAtLogin', 'Mac'],
  ['menubarOnly', 'Mac'],
  ['keepAwake', 'Everywhere'],
  ['notifications', 'Everywhere'],
];
const channels = Object.entries(settings.channels) as [Settings['updateChannel'], string][];

const LOOK_EVERY_MS = 1_000;

/** What people choose for the app around this page. It takes effect at once. */
export const AppSettings = observer(function AppSettings({
  app,
  toasts,
}: {
  readonly app: AppStore;
  readonly toasts: ToastStore;
}): ReactElement | null {
  const { info, isMoving } = app;
  const attempt = useCallback(
    (asked: Promise<void>): void => void asked.catch((error: unknown) => toasts.failed(error)),
    [toasts],
  );
  useEffect(() => {
    attempt(app.refresh());
    // The menubar changes settings, too.
    const onFocus = (): void => attempt(app.refresh());
    window.addEventListener('focus', onFocus);
    return () => window.removeEventListener('focus', onFocus);
  }, [app, attempt]);
  useEffect(() => {
    if (!isMoving) return;
    const timer = setInterval(() => attempt(app.refresh()), LOOK_EVERY_MS);
    return () => clearInterval(timer);
  }, [app, attempt, isMoving]);
  if (info === undefined) return null;
  const { settings: chosen, update } = info;
  const change = (next: AppSettingsChange): void => attempt(app.change(next));
  const steps = nextSteps(update);
  return (
    <Section title={settings.app}>
      {switches.map(
        ([key, where]) =>
          (where === 'Everywhere' || info.platform === 'darwin') && (
            <Labelled key={key} name={key}>
              <Segmented
                label={settings.appNames[key]}
                value={chosen[key] ? 'yes' : 'no'}
                options={[
                  { value: 'yes', text: settings.yes },
                  { value: 'no', text: settings.no },
                ]}
                onChange={(value) => change({ [key]: value === 'yes' })}
              />
            </Labelled>
          ),
      )}
      <Shortcut key={chosen.quickChatShortcut} info={info} change={change} />
      <Labelled name="updateChannel">
        <Segmented
          label={settings.appNames.updateChannel}
          value={chosen.updateChannel}
          options={channels.map(([value, text]) => ({ value, text }))}
          onChange={(updateChannel) => change({ updateChannel })}
        />
      </Labelled>
      <Row label={settings.appVersion(info.version, info.electron)}>
        <span className="flex items-center gap-2">
          <span role="status" aria-label={settings.update} className="text-sm text-muted">
            {settings.updateState(update)}
          </span>
          {steps.map((step) => (
            <Button key={step} onClick={() => attempt(app.update(step))}>
              {settings.updateSteps[step]}
            </Button>
          ))}
        </span>
      </Row>
    </Section>
  );
});

function Labelled({
  name,
  children,
}: {
  readonly name: keyof Settings;
  readonly children: ReactElement;
}): ReactElement {
  const hint = settings.appHints[name];
  return (
    <div className="flex min-h-10 flex-wrap items-center justify-between gap-x-4 gap-y-1 px-4 py-1.5">
      <span>
        {settings.appNames[name]}
        {hint !== undefined && <span className="block text-sm text-muted">{hint}</span>}
      </span>
      {children}
    </div>
  );
}

function Shortcut({
  info: { settings: chosen, quickChat },
  change,
}: {
  readonly info: AppInfo;
  readonly change: (next: AppSettingsChange) => void;
}): ReactElement {
  const [text, setText] = useState(chosen.quickChatShortcut);
  return (
    <>
      <Labelled name="quickChatShortcut">
        <form
          className="flex items-center gap-2"
          onSubmit={(event) => {
            event.preventDefault();
            change({ quickChatShortcut: text.trim() });
          }}
        >
          <input
            aria-label={settings.appNames.quickChatShortcut}
            className={`${inputClass} w-44`}
            spellCheck={false}
            maxLength={64}
            value={text}
            onChange={(event) => setText(event.target.value)}
          />
          {text !== chosen.quickChatShortcut && (
            <Button type="submit" look="primary">
              {settings.save}
            </Button>
          )}
        </form>
      </Labelled>
      {quickChat === 'Refused' && (
        <p role="alert" className="px-4 pb-2 text-sm text-bad">
          {settings.shortcutTaken}
        </p>
      )}
    </>
  );
}

/** What a person can do next about a newer version. */
function nextSteps(update: UpdateState): readonly UpdateStep[] {
  switch (update.type) {
    case 'Unavailable':
    case 'Checking':
    case 'Fetching':
      return [];
    case 'Idle':
    case 'Failed':
      return ['Check'];
    case 'Found':
      return ['Fetch'];
    case 'Fetched':
      return ['Install'];
    default:
      return unreachable(update);
  }
}
