import { runTool, toolEnvironment, toolFailure } from './child.mjs';
import { findTool } from './tools.mjs';

const INSTALL_TIMEOUT_MS = 15 * 60_000;

/** What tests use of the system's own packages: the program looked for, and the Debian package that brings it. */
const PROGRAMS = [
  { program: 'chromium', package: 'chromium' },
  { program: 'Xvfb', package: 'xvfb' },
];

/** Fonts, so that pictures of pages show letters. */
const FONTS = ['fonts-liberation'];

/**
 * A browser and a screen for tests. Where they can not be installed, the tests that need them skip and say so.
 * @param {import('./paths.mjs').Places} places
 * @returns {import('./steps.mjs').Step[]}
 */
export function systemPackagesSteps(places) {
  if (process.platform !== 'linux') return [];
  const missing = () => PROGRAMS.filter(({ program }) => findTool(program) === undefined);
  return [
    {
      name: 'system-packages',
      title: 'browser and screen for tests',
      needs: [],
      diskBytes: 0,
      inputs: () => [missing().length === 0 ? 'there' : 'not there'],
      outputs: () => [],
      async run(progress) {
        const lacking = missing();
        if (lacking.length === 0) return 'already there';
        const packages = [...lacking.map((entry) => entry.package), ...FONTS];
        if (process.getuid?.() !== 0 || findTool('apt-get') === undefined) {
          return `not there, tests that need them are skipped; to have them: sudo apt-get install ${packages.join(' ')}`;
        }
        progress(packages.join(', '));
        await aptGet(places, ['update', '-qq']);
        await aptGet(places, ['install', '-y', '-qq', '--no-install-recommends', ...packages]);
        return packages.join(', ');
      },
    },
  ];
}

/** @param {import('./paths.mjs').Places} places @param {string[]} args */
async function aptGet(places, args) {
  const { code, output } = await runTool('apt-get', args, {
    cwd: places.root,
    env: { ...toolEnvironment(places), DEBIAN_FRONTEND: 'noninteractive' },
    timeoutMs: INSTALL_TIMEOUT_MS,
  });
  if (code !== 0) throw toolFailure(`apt-get ${args[0]} failed`, output);
}
