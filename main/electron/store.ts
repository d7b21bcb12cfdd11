import Store from 'electron-store';
import { z } from 'zod';
import { AppSettings, defaultAppSettings, type AppSettingsChange } from '../core/contract/ipc-app.ts';
import type { Log } from '../node/log.ts';
import { WindowState } from './window-state.ts';

/** What the app itself keeps over starts, in one file of its folder. What can't be read there counts as never set. */
export class AppStore {
  readonly #store: Store;
  readonly #log: Log;
  #settings: AppSettings;

  constructor({ log }: { readonly log: Log }, init: { readonly folder: string }) {
    this.#log = log;
    this.#store = new Store({ cwd: init.folder, name: 'app', clearInvalidConfig: true });
    // Setting by setting: one that a newer or older Skein wrote must not take the others along.
    const kept = z.record(z.string(), z.unknown()).safeParse(this.#store.get('settings')).data ?? {};
    const entries = Object.entries(AppSettings.shape).flatMap(([key, schema]) => {
      const parsed = schema.safeParse(kept[key]);
      return parsed.success ? [[key, parsed.data] as const] : [];
    });
    this.#settings = AppSettings.parse({ ...defaultAppSettings, ...Object.fromEntries(entries) });
  }

  get settings(): AppSettings {
    return this.#settings;
  }

  get window(): WindowState | undefined {
    return WindowState.safeParse(this.#store.get('window')).data;
  }

  change(change: AppSettingsChange): void {
    const given = Object.entries(change).filter(([, value]) => value !== undefined);
    this.#settings = AppSettings.parse({ ...this.#settings, ...Object.fromEntries(given) });
    this.#write('settings', this.#settings);
  }

  keepWindow(window: WindowState): void {
    this.#write('window', window);
  }

  /** A full disk must not end an app over where its window was. */
  #write(key: string, value: unknown): void {
    try {
      this.#store.set(key, value);
    } catch (problem) {
      this.#log.warn('The settings of the app can not be kept', { key, problem });
    }
  }
}
