import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { delimiter } from 'node:path';
import { z } from 'zod';
import type {
  NodeSettings,
  Setting,
  SettingChanges,
  SettingKey,
  SettingValue,
} from '../core/contract/ipc-settings.ts';
import { ok, refused, type Result } from '../core/result.ts';
import { parseConfig, type Config } from './config.ts';

/** Texts by flag, as variables of the environment hold them. */
const StoredSettings = z.record(z.string().max(64), z.string().max(65_536));
export type StoredSettings = Readonly<z.infer<typeof StoredSettings>>;

/** What people changed. A file that is missing or can't be read changes nothing; `warning` then says so. */
export function readStoredSettings(path: string): {
  readonly stored: StoredSettings;
  readonly warning?: string;
} {
  try {
    return { stored: StoredSettings.parse(JSON.parse(readFileSync(path, 'utf8'))) };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { stored: {} };
    const reason = error instanceof z.ZodError ? 'it does not hold settings' : (error as Error).message;
    return { stored: {}, warning: `The settings in ${path} are left out: ${reason}.` };
  }
}

interface Entry {
  readonly flag: string;
  readonly valueOf: (config: Config) => SettingValue;
}

const entries: Readonly<Record<SettingKey, Entry>> = {
  name: { flag: 'name', valueOf: ({ name }) => name ?? null },
  port: { flag: 'port', valueOf: ({ port }) => port },
  peerPort: { flag: 'peer-port', valueOf: ({ peerPort }) => peerPort },
  peerHost: { flag: 'peer-host', valueOf: ({ peerHost }) => peerHost ?? null },
  peers: { flag: 'peer', valueOf: ({ peers }) => [...peers] },
  discovery: { flag: 'no-discovery', valueOf: ({ discovery }) => discovery },
  dataDir: { flag: 'data-dir', valueOf: ({ dataDir }) => dataDir },
  modelDirs: { flag: 'model-dir', valueOf: ({ modelDirs }) => [...modelDirs] },
  logLevel: { flag: 'log-level', valueOf: ({ logLevel }) => logLevel },
  maxTasks: { flag: 'max-tasks', valueOf: ({ limits }) => limits.maxTasks },
  maxQueued: { flag: 'max-queued', valueOf: ({ limits }) => limits.maxQueued },
  prefillChunk: { flag: 'prefill-chunk', valueOf: ({ limits }) => limits.prefillChunk },
  kvBytes: { flag: 'kv-bytes', valueOf: ({ limits }) => limits.kvBytes ?? null },
};

/** What the node was told, and what people change of it for its next start. */
export class Settings {
  readonly #path: string;
  /** In force. */
  readonly #config: Config;

  constructor(init: { readonly path: string; readonly config: Config }) {
    this.#path = init.path;
    this.#config = init.config;
  }

  describe(): NodeSettings {
    const next = this.#parsed(readStoredSettings(this.#path).stored);
    const settings = (Object.keys(entries) as SettingKey[]).map((key): Setting => {
      const { flag, valueOf } = entries[key];
      const value = valueOf(this.#config);
      const source = this.#config.origins[flag] ?? 'Default';
      const isFixed = source === 'Flag' || source === 'Environment' || key === 'dataDir';
      const later = next.ok && !isFixed ? valueOf(next.value) : value;
      return {
        key,
        value,
        source,
        takesEffect: isFixed ? 'Never' : 'Restart',
        ...(JSON.stringify(later) === JSON.stringify(value) ? {} : { pending: later }),
      };
    });
    return { settings };
  }

  /** On disk when it returns; refused as a whole with the setting at fault. */
  change({ changes }: SettingChanges): Result<NodeSettings, string> {
    const { stored, warning } = readStoredSettings(this.#path);
    // What people wrote there, with a slip in it, would be gone.
    if (warning !== undefined) return refused(`${warning} Mend or delete that file, then change this again.`);
    const next: Record<string, string> = { ...stored };
    for (const { key, value } of changes) {
      const { flag } = entries[key];
      const source = this.#config.origins[flag];
      if (key === 'dataDir' || source === 'Flag' || source === 'Environment') {
        return refused(`${key}: it is set where Skein is started, and can only be changed there.`);
      }
      const text = textOf(key, value);
      if (text === null) delete next[flag];
      else next[flag] = text;
    }
    const parsed = this.#parsed(next);
    if (!parsed.ok) return parsed;
    const partial = `${this.#path}.partial`;
    try {
      writeFileSync(partial, `${JSON.stringify(next, null, 2)}\n`, { mode: 0o600 });
      renameSync(partial, this.#path);
    } catch (error) {
      return refused(`${this.#path} could not be written: ${(error as Error).message}. Nothing is changed.`);
    }
    return ok(this.describe());
  }

  #parsed(stored: StoredSettings): Result<Config, string> {
    const { dataDir } = this.#config;
    return parseConfig({ args: [], env: {}, workingFolder: dataDir, defaultDataFolder: dataDir, stored });
  }
}

/** Null = the default again. */
function textOf(key: SettingKey, value: SettingValue): string | null {
  if (value === null) return null;
  if (Array.isArray(value)) {
    if (value.length === 0) return null;
    return value.join(key === 'modelDirs' ? delimiter : ' ');
  }
  if (key === 'discovery') return value === false ? 'yes' : null;
  return String(value);
}
