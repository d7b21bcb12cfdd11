import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { UpdateFeed } from './updater.ts';

/** The feed that the packager wrote into the app, or why this build has none. */
export function updateFeed(isPackaged: boolean): (() => Promise<UpdateFeed>) | { readonly reason: string } {
  if (!isPackaged) return { reason: 'This is a development build; update the checkout instead.' };
  if (!existsSync(join(process.resourcesPath, 'app-update.yml')))
    return { reason: 'This build was made without a place to look for newer ones.' };
  // Only where it is asked for: it takes a tenth of a second to load.
  return async () => (await import('electron-updater')).autoUpdater;
}
