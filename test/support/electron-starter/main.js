// What `electron [flags] [-r MODULE] FOLDER` does in an Electron of one's own: official ones bring it along.
const { app } = require('electron');
const fs = require('node:fs');
const path = require('node:path');

const preloaded = [];
let folder;
for (let index = 1; index < process.argv.length && folder === undefined; index += 1) {
  const argument = process.argv[index];
  if (argument === '-r' || argument === '--require') preloaded.push(process.argv[(index += 1)]);
  else if (!argument.startsWith('-')) folder = path.resolve(argument);
}
process.defaultApp = true;
for (const name of preloaded) require(name);
if (folder === undefined) {
  console.error('Usage: electron FOLDER');
  process.exit(2);
}
const about = JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8'));
app.name = about.productName ?? about.name;
app.setVersion(about.version);
app.setAppPath(folder);
require(path.join(folder, about.main));
