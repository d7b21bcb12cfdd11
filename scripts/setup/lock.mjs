import fs from 'node:fs';
import path from 'node:path';
import { SetUpFailure } from './failure.mjs';

/** The owner touches its lock this often; one untouched for `staleMs` belongs to nobody, whatever its pid says. */
const TOUCH_MS = 2_000;

/**
 * Takes the checkout's set-up lock, waiting for a set-up that runs already.
 * @param {string} folder the lock: a folder, because making one is atomic everywhere
 * @param {{
 *   onWait?: (owner: string) => void,
 *   waitMs?: number,
 *   staleMs?: number,
 *   pollMs?: number,
 * }} [options] `waitMs`: give up after this long
 * @returns {Promise<() => void>} releases; may be called twice
 */
export async function takeLock(folder, options = {}) {
  const { onWait = () => {}, waitMs = 45 * 60_000, staleMs = 120_000, pollMs = 250 } = options;
  fs.mkdirSync(path.dirname(folder), { recursive: true });
  const deadline = Date.now() + waitMs;
  for (let told = false; ; told = true) {
    if (tryMake(folder)) return hold(folder);
    const owner = readOwner(folder);
    if (owner !== undefined && isStale(folder, owner, staleMs)) {
      removeStale(folder, owner);
      continue;
    }
    if (!told) onWait(owner ?? 'unknown');
    if (Date.now() > deadline) {
      throw new SetUpFailure(
        `another set-up (process ${owner ?? 'unknown'}) has held this checkout for too long`,
        `End it, or delete ${folder}, and run this again.`,
      );
    }
    await new Promise((resolve) => {
      setTimeout(resolve, pollMs);
    });
  }
}

/**
 * A folder that already names its owner is renamed into place: that fails when another is there.
 * @param {string} folder
 */
function tryMake(folder) {
  const mine = fs.mkdtempSync(`${folder}.`);
  fs.writeFileSync(path.join(mine, 'owner'), String(process.pid));
  try {
    fs.renameSync(mine, folder);
    return true;
  } catch (error) {
    fs.rmSync(mine, { recursive: true, force: true });
    if (hasCode(error, 'ENOTEMPTY') || hasCode(error, 'EEXIST')) return false;
    throw error;
  }
}

/**
 * Deletes the lock if this process owns it.
 * @param {string} folder
 */
export function dropOwnLock(folder) {
  if (readOwner(folder) !== String(process.pid)) return;
  // Moved first: while its files go one by one, an emptied lock could already be another's.
  const aside = `${folder}.released-${process.pid}`;
  fs.renameSync(folder, aside);
  fs.rmSync(aside, { recursive: true, force: true });
}

/** @param {string} folder @returns {() => void} */
function hold(folder) {
  const timer = setInterval(() => {
    const now = new Date();
    fs.utimes(folder, now, now, () => {});
  }, TOUCH_MS);
  timer.unref();
  let held = true;
  return () => {
    if (!held) return;
    held = false;
    clearInterval(timer);
    dropOwnLock(folder);
  };
}

/** @param {string} folder @returns {string | undefined} pid of the owner; undefined when the lock is free */
function readOwner(folder) {
  try {
    return fs.readFileSync(path.join(folder, 'owner'), 'utf8').trim();
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** @param {string} folder @param {string} owner @param {number} staleMs */
function isStale(folder, owner, staleMs) {
  if (!isAlive(Number(owner))) return true;
  try {
    return Date.now() - fs.statSync(folder).mtimeMs > staleMs;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return false;
    throw error;
  }
}

/** @param {number} pid */
function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return hasCode(error, 'EPERM');
  }
}

/**
 * Moves a stale lock aside before deleting it, so that of two waiters only one does. A fresh lock that slipped
 * in between is put back.
 * @param {string} folder @param {string} owner
 */
function removeStale(folder, owner) {
  const aside = `${folder}.stale-${process.pid}-${Date.now()}`;
  try {
    fs.renameSync(folder, aside);
    if (readOwner(aside) !== owner) {
      fs.renameSync(aside, folder);
      return;
    }
  } catch (error) {
    if (hasCode(error, 'ENOENT') || hasCode(error, 'ENOTEMPTY') || hasCode(error, 'EEXIST')) return;
    throw error;
  }
  fs.rmSync(aside, { recursive: true, force: true });
}

/** @param {unknown} error @param {string} code */
function hasCode(error, code) {
  return error instanceof Error && 'code' in error && error.code === code;
}
