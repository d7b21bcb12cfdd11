import { useState, type ReactElement } from 'react';
import { Button } from '../../components/button.tsx';
import { inputClass, Segmented } from '../../components/small.tsx';
import type { NodeSettings, Setting, SettingValue } from '../../../main/core/contract/ipc-settings.ts';
import type { RootStore } from '../../stores/root-store.ts';
import { settings } from '../../strings/settings.ts';

const logLevels = ['debug', 'info', 'warn', 'error'] as const;

/** One setting of the node: what holds, who said so, what waits for the next start, and a way to change it. */
export function SettingRow({
  root,
  setting,
  onChanged,
}: {
  readonly root: RootStore;
  readonly setting: Setting;
  readonly onChanged: (next: NodeSettings) => void;
}): ReactElement {
  const { key, value, source, takesEffect, pending } = setting;
  const [text, setText] = useState<string | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const name = settings.names[key];
  const isFixed = takesEffect === 'Never';
  const save = async (next: SettingValue): Promise<void> => {
    try {
      onChanged(await root.call('changeSettings', { changes: [{ key, value: next }] }));
      setText(null);
      setProblem(null);
      root.toasts.show({ text: settings.saved });
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
    }
  };
  const newest = pending === undefined ? value : pending;
  return (
    <div className="flex flex-col gap-1 px-4 py-2">
      <div className="flex flex-wrap items-center justify-between gap-x-4 gap-y-1.5">
        <label htmlFor={`setting-${key}`} className="min-w-0">
          {name}
          <span className="block text-sm text-muted">
            {isFixed ? (source === 'Default' ? '' : settings.source[source]) : settings.hints[key]}
          </span>
        </label>
        {isFixed ? (
          <code
            id={`setting-${key}`}
            title={settings.fixed}
            className="max-w-full font-mono text-sm break-all select-text"
          >
            {shown(value)}
          </code>
        ) : typeof newest === 'boolean' ? (
          <Segmented
            label={name}
            value={newest ? 'yes' : 'no'}
            options={[
              { value: 'yes', text: settings.yes },
              { value: 'no', text: settings.no },
            ]}
            onChange={(next) => void save(next === 'yes')}
          />
        ) : key === 'logLevel' ? (
          <select
            id={`setting-${key}`}
            className={`${inputClass} w-auto`}
            value={String(newest)}
            onChange={(event) => void save(event.target.value)}
          >
            {logLevels.map((level) => (
              <option key={level}>{level}</option>
            ))}
          </select>
        ) : (
          <form
            className="flex items-center gap-2"
            onSubmit={(event) => {
              event.preventDefault();
              if (text !== null) void save(read(text, newest));
            }}
          >
            <input
              id={`setting-${key}`}
              className={`${inputClass} ${typeof newest === 'number' ? 'w-24' : 'w-56'}`}
              spellCheck={false}
              value={text ?? (newest === null ? '' : shown(newest))}
              onChange={(event) => setText(event.target.value)}
            />
            {text !== null && (
              <Button type="submit" look="primary">
                {settings.save}
              </Button>
            )}
          </form>
        )}
      </div>
      {problem !== null && (
        <p role="alert" className="text-sm text-bad">
          {problem}
        </p>
      )}
      {pending !== undefined && (
        <p className="text-sm text-warn">
          {settings.pending(pending === null ? settings.asDefault : shown(pending))}
        </p>
      )}
    </div>
  );
}

function shown(value: SettingValue): string {
  if (value === null) return '—';
  if (Array.isArray(value)) return value.length === 0 ? '' : value.join(' ');
  if (typeof value === 'boolean') return value ? settings.yes : settings.no;
  return String(value);
}

/** What was typed, of the kind that it was; empty = as delivered. */
function read(text: string, before: SettingValue): SettingValue {
  const plain = text.trim();
  if (plain === '') return null;
  if (Array.isArray(before)) return plain.split(/[\s,]+/);
  return typeof before === 'number' || /^\d+$/.test(plain) ? Number(plain) : plain;
}
