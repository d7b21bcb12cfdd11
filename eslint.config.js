// Types and most layers are the compiler's and dependency-cruiser's work; here are the rules that only a linter can see.
import reactHooks from 'eslint-plugin-react-hooks';
import tseslint from 'typescript-eslint';

const clockReaders = [
  {
    selector: "CallExpression[callee.object.name='Date'][callee.property.name='now']",
    message: 'Time is passed in: only main/node/clock.ts reads the clock.',
  },
  {
    selector: "NewExpression[callee.name='Date'][arguments.length=0]",
    message: 'Time is passed in: only main/node/clock.ts reads the clock.',
  },
  {
    selector: "CallExpression[callee.name='Date']",
    message: 'Time is passed in: only main/node/clock.ts reads the clock.',
  },
  {
    selector: "MemberExpression[object.name='performance'][property.name='now']",
    message: 'Time is passed in: only main/node/clock.ts reads the clock.',
  },
];

const addonLoaders = [
  {
    selector: "MemberExpression[object.name='process'][property.name='dlopen']",
    message: 'Only native/index.ts loads the addon.',
  },
  {
    selector: "ImportSpecifier[imported.name='createRequire']",
    message: 'Only native/index.ts loads the addon; everything else is imported.',
  },
];

/** Of Electron, what only one file may touch. */
const electronDoors = {
  name: 'electron',
  importNames: ['ipcMain', 'MessageChannelMain'],
  message: 'Only main/electron/ipc.ts talks to pages: it checks who asks.',
};

const impurities = [
  {
    selector: "MemberExpression[object.name='Math'][property.name='random']",
    message: 'The core draws no random numbers: pass them in.',
  },
  {
    selector: "MemberExpression[object.name='crypto']",
    message: 'The core draws no random numbers: pass them in.',
  },
  {
    selector: 'CallExpression[callee.name=/^(setTimeout|setInterval|setImmediate|queueMicrotask|fetch)$/]',
    message: 'The core does not wait and does no I/O: return work for the shell.',
  },
  { selector: "MemberExpression[object.name='console']", message: 'The core does no I/O.' },
  { selector: "Identifier[name='globalThis']", message: 'The core reaches for no globals.' },
  { selector: 'AwaitExpression', message: 'The core is synchronous: same input, same output, at once.' },
];

export default tseslint.config(
  { ignores: ['node_modules/', '.cache/', 'native/build/', 'native/vendor/', 'test/bench/results/'] },
  {
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      'max-lines': ['error', { max: 400 }],
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'no-console': 'off',
      'no-debugger': 'error',
      'no-eval': 'error',
      'no-implied-eval': 'error',
      'no-new-func': 'error',
      'no-self-compare': 'error',
      'no-template-curly-in-string': 'error',
      'no-unmodified-loop-condition': 'error',
      'no-var': 'error',
      'no-warning-comments': ['error', { terms: ['todo', 'fixme', 'xxx', 'hack'], location: 'start' }],
      'object-shorthand': 'error',
      'prefer-const': 'error',
      'no-restricted-syntax': ['error', ...addonLoaders],
    },
  },
  {
    files: ['**/*.{ts,tsx}'],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: {
      parserOptions: {
        projectService: { allowDefaultProject: ['vite.config.ts', 'vitest.config.ts'] },
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      '@typescript-eslint/consistent-type-exports': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/only-throw-error': 'error',
      '@typescript-eslint/prefer-readonly': 'error',
      '@typescript-eslint/return-await': ['error', 'error-handling-correctness-only'],
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true, requireDefaultForNonUnion: true },
      ],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true, allowNullish: false },
      ],
      // Interfaces of the node are async for implementations that wait; others need not.
      '@typescript-eslint/require-await': 'off',
    },
  },
  {
    files: ['main/core/**/*.ts'],
    rules: {
      'no-restricted-syntax': ['error', ...addonLoaders, ...clockReaders, ...impurities],
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      // A check at run time that the types already decide, or that they get wrong.
      '@typescript-eslint/no-unnecessary-condition': 'error',
    },
  },
  {
    files: ['main/node/**/*.ts'],
    ignores: ['main/node/clock.ts'],
    rules: { 'no-restricted-syntax': ['error', ...addonLoaders, ...clockReaders] },
  },
  {
    files: ['main/**/*.ts'],
    ignores: ['main/electron/ipc.ts'],
    rules: { 'no-restricted-imports': ['error', { paths: [electronDoors] }] },
  },
  { files: ['renderer/**/*.{ts,tsx}'], extends: [reactHooks.configs.flat['recommended-latest']] },
  { files: ['native/index.ts'], rules: { 'no-restricted-syntax': 'off' } },
  {
    files: ['test/**/*.ts'],
    rules: {
      'no-restricted-syntax': 'off',
      // A test that indexes what it just built may say so; a wrong guess fails the test.
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/restrict-template-expressions': 'off',
      // `expect.any(…)` and its kin are typed `any`.
      '@typescript-eslint/no-unsafe-assignment': 'off',
    },
  },
);
