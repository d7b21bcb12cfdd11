// Who may import whom. Every rule is an error; type imports count like any other.
const rooms = '^(main|renderer|preload|native|scripts|test)/';

/** Files that something starts with: the node, the app, the runner that both spawn, the page, what stands before it. */
const entries = '^(main/(headless|index|runner/main)\\.ts|renderer/main\\.tsx|preload/index\\.ts)$';

/** From one room, our own files only in the named places. */
const layer = (room, from, allowed) => ({
  name: `layer-${room}`,
  severity: 'error',
  comment: `${room} may import only ${allowed.join(', ')}`,
  from: { path: from },
  to: { path: rooms, pathNot: allowed },
});

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    layer('core', '^main/core/', ['^main/core/']),
    layer('node', '^main/node/', ['^main/node/', '^main/core/']),
    layer('runner', '^main/runner/', ['^main/runner/', '^main/core/', '^native/']),
    layer('cli', '^main/cli/', ['^main/cli/', '^main/core/']),
    layer('entry', '^main/(?!index\\.ts$)[^/]+\\.ts$', [
      '^main/[^/]+\\.ts$',
      '^main/core/',
      '^main/node/',
      '^main/cli/',
    ]),
    layer('electron', '^main/(electron/|index\\.ts$)', ['^main/electron/', '^main/core/', '^main/node/']),
    layer('preload', '^preload/', ['^preload/', '^main/core/contract/']),
    layer('renderer', '^renderer/', ['^renderer/', '^main/core/']),
    layer('native', '^native/', ['^native/']),
    layer('scripts', '^scripts/', ['^scripts/']),
    {
      name: 'core-is-pure',
      severity: 'error',
      comment: 'The core knows zod and itself: no Node, no Electron, no other package.',
      from: { path: '^main/core/' },
      to: { pathNot: ['^main/core/', '(^|/)node_modules/zod/'] },
    },
    {
      name: 'headless-never-reaches-electron',
      severity: 'error',
      from: { path: '^main/headless\\.ts$' },
      to: { path: '(^electron$|(^|/)node_modules/electron/|^main/electron/)', reachable: true },
    },
    {
      name: 'only-the-shell-knows-electron',
      severity: 'error',
      from: { path: rooms, pathNot: '^(main/(electron/|index\\.ts$)|preload/|test/)' },
      to: { path: '(^electron$|(^|/)node_modules/electron/)' },
    },
    {
      name: 'preload-loads-electron-alone',
      severity: 'error',
      comment: 'What stands before each page is small enough to read: no package runs in it.',
      from: { path: '^preload/' },
      to: { pathNot: ['^(preload|main)/', '(^electron$|(^|/)node_modules/electron/)'] },
    },
    {
      name: 'scripts-need-no-packages',
      severity: 'error',
      comment: 'Set-up runs before anything is installed; a step after the packages may load one then.',
      from: { path: '^scripts/' },
      to: {
        dynamic: false,
        dependencyTypes: ['npm', 'npm-dev', 'npm-optional', 'npm-peer', 'npm-no-pkg', 'npm-unknown'],
      },
    },
    {
      name: 'product-uses-no-dev-package',
      severity: 'error',
      // Electron is what the app runs on, not in it.
      from: { path: '^(main|native|preload)/' },
      to: {
        dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'],
        pathNot: '(^|/)node_modules/(@types|electron)/',
      },
    },
    { name: 'no-cycle', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'no-orphan',
      severity: 'error',
      comment: 'A file that nothing uses and that uses nothing is left over.',
      from: {
        orphan: true,
        pathNot: ['\\.d\\.ts$', '^[^/]+$', '^scripts/[^/]+\\.mjs$', '^scripts/app/no-modules\\.mjs$'],
      },
      to: {},
    },
    {
      name: 'no-dead-module',
      severity: 'error',
      comment: 'Product code is reachable from an entry point; code only tests reach is dead.',
      from: { path: entries },
      to: {
        path: '^(main|native|renderer|preload)/',
        pathNot: ['\\.d\\.ts$', entries],
        reachable: false,
      },
    },
    { name: 'not-resolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'no-deprecated-builtin',
      severity: 'error',
      from: {},
      to: { dependencyTypes: ['core'], path: '^(punycode|domain|constants|sys|_.*)$' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(\\.cache|native/(build|vendor))/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.base.json' },
    moduleSystems: ['es6', 'cjs'],
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'types', 'default'],
      extensions: ['.ts', '.tsx', '.d.ts', '.mjs', '.js', '.json'],
    },
  },
};
