import { homedir } from 'node:os';
import type { Result } from '../core/result.ts';
import { parseConfig, type Config } from './config.ts';
import { defaultDataFolder, settingsPathIn } from './data-folder.ts';
import { readStoredSettings } from './settings.ts';

/**
 * What this process was asked for: flags, then variables, then what people changed in the dashboard.
 * @param onWarning told of settings that could not be read
 */
export function readConfig(
  args: readonly string[],
  onWarning: (warning: string) => void,
): Result<Config, string> {
  const given = {
    args,
    env: process.env,
    workingFolder: process.cwd(),
    defaultDataFolder: defaultDataFolder({ platform: process.platform, home: homedir(), env: process.env }),
  };
  // Flags and variables say where the data folder is; what is stored there gives way to both.
  const first = parseConfig(given);
  if (!first.ok) return first;
  const { stored, warning } = readStoredSettings(settingsPathIn(first.value.dataDir));
  if (warning !== undefined) onWarning(warning);
  return parseConfig({ ...given, stored });
}
