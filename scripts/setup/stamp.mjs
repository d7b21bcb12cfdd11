import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';

/**
 * A step is done when its stamp holds the hash of its inputs and all its outputs exist. The stamp is written last
 * and by rename, so an interrupted step is never taken for done.
 */

/**
 * @param {string} text
 * @returns {string} sha256, hex
 */
export function hashText(text) {
  return createHash('sha256').update(text).digest('hex');
}

/**
 * @param {string} file
 * @returns {string} sha256 of its content, hex; `absent` when it does not exist
 */
export function hashFile(file) {
  const hash = createHash('sha256');
  let handle;
  try {
    handle = fs.openSync(file, 'r');
  } catch (error) {
    if (isAbsent(error)) return 'absent';
    throw error;
  }
  try {
    const block = Buffer.allocUnsafe(1 << 20);
    for (let read = fs.readSync(handle, block); read > 0; read = fs.readSync(handle, block)) {
      hash.update(block.subarray(0, read));
    }
  } finally {
    fs.closeSync(handle);
  }
  return hash.digest('hex');
}

/**
 * @param {string} folder
 * @returns {string[]} a line `path hash` for each file below, sorted; empty when the folder does not exist
 */
export function hashTree(folder) {
  if (!fs.existsSync(folder)) return [];
  return fs
    .readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .sort()
    .filter((name) => fs.statSync(path.join(folder, name)).isFile())
    .map((name) => `${name} ${hashFile(path.join(folder, name))}`);
}

/**
 * @param {string} stampFile
 * @param {string} inputs hash of everything the step's result depends on
 * @param {string[]} outputs files or folders that must be there
 */
export function isDone(stampFile, inputs, outputs) {
  return readStamp(stampFile) === inputs && outputs.every((output) => fs.existsSync(output));
}

/** @param {string} stampFile @param {string} inputs */
export function writeStamp(stampFile, inputs) {
  fs.mkdirSync(path.dirname(stampFile), { recursive: true });
  const partial = `${stampFile}.${process.pid}.partial`;
  fs.writeFileSync(partial, `${inputs}\n`);
  fs.renameSync(partial, stampFile);
}

/** @param {string} stampFile */
export function removeStamp(stampFile) {
  fs.rmSync(stampFile, { force: true });
}

/** @param {string} stampFile */
function readStamp(stampFile) {
  try {
    return fs.readFileSync(stampFile, 'utf8').trim();
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

/** @param {unknown} error */
export function isAbsent(error) {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
