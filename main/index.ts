/** The app's entry: one instance for each data folder, a hardened Electron, then the shell around the node. */
import { app, dialog, shell as system } from 'electron';
import { release } from 'node:os';
import { join } from 'node:path';
import { registerAppScheme } from './electron/app-protocol.ts';
import { LINK_SCHEME, linkIn } from './electron/deep-link.ts';
import { hardenPages } from './electron/harden.ts';
import { canRdma, placesOf } from './electron/places.ts';
import { Shell } from './electron/shell.ts';
import { systemClock } from './node/clock.ts';
import type { Config } from './node/config.ts';
import { createLog } from './node/log.ts';
import { readConfig } from './node/read-config.ts';

// The command line is Chromium's here: the node is told by variables and by its settings.
const config = readConfig([], (warning) => process.stderr.write(`${warning}\n`));
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
if (config.ok) begin(config.value);
else {
  dialog.showErrorBox('Skein could not start', config.error);
  app.exit(2);
}

function begin(config: Config): void {
  // Beside the node's own files, so that one data folder is one app.
  app.setPath('userData', join(config.dataDir, 'app'));
  if (!app.requestSingleInstanceLock()) {
    // The one that runs was told, and comes to the front.
    app.exit(0);
    return;
  }
  const log = createLog({
    level: config.logLevel,
    now: () => systemClock.now(),
    write: (line) => process.stderr.write(line),
  });
  registerAppScheme();
  hardenPages(app, (url) => void system.openExternal(url));
  if (app.isPackaged) app.setAsDefaultProtocolClient(LINK_SCHEME);

  let shell: Shell | undefined;
  let link = linkIn(process.argv);
  app.on('second-instance', (_event, words) => shell?.open(linkIn(words)));
  app.on('open-url', (event, url) => {
    event.preventDefault();
    // Before the shell is there it is what the app was started for.
    if (shell === undefined) link = url;
    else shell.open(url);
  });
  app.on('activate', () => shell?.open());
  // It lives on in the menubar.
  app.on('window-all-closed', () => undefined);
  app.on('before-quit', (event) => {
    if (shell === undefined || shell.isOver) return;
    event.preventDefault();
    void shell.quit('Ask');
  });
  void app.whenReady().then(() => {
    const places = placesOf({
      appPath: app.getAppPath(),
      resourcesPath: process.resourcesPath,
      isPackaged: app.isPackaged,
      canRdma: canRdma(process.platform, release()),
    });
    shell = new Shell({ log }, { config, places });
    endBySignal(shell);
    void shell.start(link);
  });
}

/** Chromium takes signals for a person's wish to quit, and people are asked; whoever signals can't answer. */
function endBySignal(shell: Shell): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    // Chromium's handlers came after the listeners that packages set: only a first listener takes the signal back.
    process.removeAllListeners(signal);
    process.on(signal, () => void shell.quit('Now'));
  }
}
