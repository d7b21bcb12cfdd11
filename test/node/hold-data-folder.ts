// A process for the lock's test: opens a data folder, says `open` or why not, and holds it until it is killed.
// With a user id as second argument it tries as that user; Skein's own files were read before.
import { writeSync } from 'node:fs';
import { DataFolder } from '../../main/node/data-folder.ts';

const [path, uid] = process.argv.slice(2);
if (path === undefined) throw new Error('needs a folder');
if (uid !== undefined) process.seteuid?.(Number(uid));
try {
  DataFolder.open(path);
  writeSync(1, 'open');
  setInterval(() => undefined, 60_000);
} catch (error) {
  writeSync(1, (error as Error).message);
}
