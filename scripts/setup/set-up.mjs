import fs from 'node:fs';
import { constants } from 'node:os';
import path from 'node:path';
import { endTools } from './child.mjs';
import { describeFailure } from './failure.mjs';
import { dropOwnLock, takeLock } from './lock.mjs';
import { checkout, placesIn } from './paths.mjs';
import { readPins } from './pins.mjs';
import { formatTime, makeReport } from './report.mjs';
import { isStepDone, runStep, stepsFor } from './steps.mjs';
import { checkTools } from './tools.mjs';
import { PARTIAL } from './wheel.mjs';

/** @typedef {import('./steps.mjs').Step} Step */

/**
 * Brings a checkout to where everything runs; only what is missing or changed is done.
 * @param {import('./paths.mjs').Places} places
 * @param {Step[]} steps
 * @param {import('./report.mjs').Report} report
 */
export async function bringUp(places, steps, report) {
  const isPending = (/** @type {Step} */ step) => !isStepDone(places, step);
  if (!steps.some(isPending)) return;
  const release = await takeLock(places.lock, {
    onWait: (owner) =>
      report.line(`Another set-up (process ${owner}) is at work in this checkout; waiting for it.`),
  });
  try {
    const started = performance.now();
    const pending = steps.filter(isPending);
    if (pending.length === 0) return;
    report.line(`Setting up ${places.root} (${pending.map((step) => step.title).join(', ')})`);
    checkTools(
      pending.flatMap((step) => step.needs),
      { folder: places.root, diskBytes: pending.reduce((sum, step) => sum + step.diskBytes, 0) },
    );
    removeLeftovers(places);
    // A step may change what a later one depends on, so each is asked again.
    for (const step of steps) if (isPending(step)) await runStep(places, step, report);
    fs.rmSync(places.temporary, { recursive: true, force: true });
    report.line(`Set up in ${formatTime(performance.now() - started)}.`);
  } finally {
    release();
  }
}

/**
 * What a set-up that was killed had not finished; nobody else is at work while the lock is held.
 * @param {import('./paths.mjs').Places} places
 */
function removeLeftovers(places) {
  for (const folder of [places.wheels, places.vendor, places.models, places.tools]) {
    if (!fs.existsSync(folder)) continue;
    for (const name of fs.readdirSync(folder)) {
      if (name.startsWith(PARTIAL)) fs.rmSync(path.join(folder, name), { recursive: true, force: true });
    }
  }
}

/**
 * Set-up of this checkout as the commands do it: reports on stderr, ends the process when it cannot go on.
 * @param {(places: import('./paths.mjs').Places, pins: import('./pins.mjs').PlatformPins) => Step[]} [chooseSteps]
 * @returns {Promise<import('./paths.mjs').Places>}
 */
export async function setUpOrExit(chooseSteps = stepsFor) {
  const places = placesIn(checkout);
  /** @type {NodeJS.Signals[]} */
  const endings = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  /** @type {Promise<never> | undefined} */
  let ending;
  const interrupted = (/** @type {NodeJS.Signals} */ signal) => {
    ending ??= endTools().then(() => {
      dropOwnLock(places.lock);
      process.stderr.write('\nSet-up interrupted; run it again and it goes on from here.\n');
      return process.exit(128 + constants.signals[signal]);
    });
  };
  for (const signal of endings) process.on(signal, interrupted);
  try {
    await bringUp(places, chooseSteps(places, readPins()), makeReport(process.stderr));
    return places;
  } catch (error) {
    if (ending !== undefined) return await ending;
    process.stderr.write(`${describeFailure(error)}\n`);
    return process.exit(1);
  } finally {
    for (const signal of endings) process.off(signal, interrupted);
  }
}
