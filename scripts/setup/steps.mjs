import path from 'node:path';
import { addonStep } from './addon.mjs';
import { dashboardStep } from './dashboard.mjs';
import { node24Step, packagesStep } from './packages.mjs';
import { hashText, isDone, removeStamp, writeStamp } from './stamp.mjs';
import { mlxStep, modelStep, openblasStep } from './vendor.mjs';

/**
 * @typedef {object} Step one thing that must be in place; run again, it redoes itself without harm
 * @property {string} name of its stamp
 * @property {string} title for people
 * @property {import('./tools.mjs').Tool[]} needs
 * @property {number} diskBytes that it may take at most, roughly
 * @property {() => string[]} inputs what its result depends on
 * @property {() => string[]} outputs what must exist afterwards
 * @property {(progress: (text: string) => void) => Promise<string>} run returns what to tell
 */

/**
 * Everything a checkout needs, in order.
 * @param {import('./paths.mjs').Places} places
 * @param {import('./pins.mjs').PlatformPins} pins
 * @returns {Step[]}
 */
export function stepsFor(places, pins) {
  return [
    packagesStep(places),
    node24Step(places, pins),
    mlxStep(places, pins),
    ...(pins.openblas === null ? [] : [openblasStep(places, pins.openblas)]),
    modelStep(places, pins.starter),
    addonStep(places, pins),
    dashboardStep(places),
  ];
}

/**
 * What reading and checking the code needs: no engine.
 * @param {import('./paths.mjs').Places} places
 * @param {import('./pins.mjs').PlatformPins} pins
 * @returns {Step[]}
 */
export function stepsForCode(places, pins) {
  return [packagesStep(places), node24Step(places, pins)];
}

/**
 * @param {import('./paths.mjs').Places} places
 * @param {Step} step
 */
export function isStepDone(places, step) {
  return isDone(stampOf(places, step), fingerprint(step), step.outputs());
}

/**
 * Runs a step; its stamp is gone while it runs and is written only after it succeeded.
 * @param {import('./paths.mjs').Places} places
 * @param {Step} step
 * @param {import('./report.mjs').Report} report
 */
export async function runStep(places, step, report) {
  const stamp = stampOf(places, step);
  // Taken before: what changes while the step runs makes it run again.
  const inputs = fingerprint(step);
  removeStamp(stamp);
  await report.step(step.title, (progress) => step.run(progress));
  writeStamp(stamp, inputs);
}

/** @param {Step} step */
function fingerprint(step) {
  return hashText([process.platform, process.arch, ...step.inputs()].join('\n'));
}

/** @param {import('./paths.mjs').Places} places @param {Step} step */
function stampOf(places, step) {
  return path.join(places.stamps, step.name);
}
