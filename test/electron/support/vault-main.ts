/** An Electron main process that seals and opens what a test asks for, and hosts no node. */
import { app, safeStorage } from 'electron';
import { keychainVault, sealedBy } from '../../../main/electron/vault.ts';
import { createLog } from '../../../main/node/log.ts';

const [what, text = ''] = process.argv.slice(-2);

void app.whenReady().then(() => {
  // There is no keyring where tests run: Chromium then seals with a password that everybody knows.
  safeStorage.setUsePlainTextEncryption(true);
  const lines: string[] = [];
  const log = createLog({ level: 'debug', now: () => 0, write: (line) => lines.push(line) });
  const { platform } = process;
  const vault = keychainVault(
    { log, storage: safeStorage },
    { platform, isPackaged: true, plainSecrets: false },
  );
  const { seal, open } = sealedBy(safeStorage);
  const answer = what === 'seal' ? seal(text) : open(text);
  process.stdout.write(`${JSON.stringify({ answer, isProtected: vault !== undefined, lines })}\n`);
  app.exit(0);
});
