/** What the view of models says. */
export const models = {
  title: 'Models',
  intro: 'What this cluster can run, and where its files lie.',
  search: 'Search models',
  loading: 'Looking for models…',
  problem: 'The models could not be listed',
  none: 'No models yet',
  noneWhy: 'Import a model file to begin.',
  noneFound: (search: string): string => `No model has “${search}” in its name.`,

  run: 'Run',
  runLabel: (title: string): string => `Run ${title}`,
  chat: 'Chat',
  chatLabel: (title: string): string => `Chat with ${title}`,

  parameters: {
    memory: 'Memory',
    context: 'Context',
    contextOf: (tokens: number): string => `${tokens.toLocaleString('en')} tokens`,
    layers: 'Layers',
    license: 'License',
    unknown: 'unknown',
  },

  onNodes: (names: readonly string[]): string => `On ${list(names)}`,
  nowhere: 'On no disk that a node has told of.',
  fetching: (node: string): string => `${node} is fetching it`,
  fetchingOf: (done: string, total: string): string => `${done} of ${total}`,
  fetchFailed: (node: string): string => `${node} could not fetch it`,

  fits: {
    asking: 'Checking whether it fits…',
    onOne: (node: string): string => `Fits on ${node}`,
    onSeveral: (names: readonly string[]): string => `Fits across ${list(names)}`,
    speed: (tokensPerSecond: number): string => `about ${Math.max(1, Math.round(tokensPerSecond))} tokens/s`,
    givesWay: (names: readonly string[]): string => `once ${list(names)} gives way`,
    no: 'Does not fit now',
  },
  runs: (id: string, phase: string): string => `${id}: ${phase}`,
  running: 'Runs as',

  disks: 'Disk space',
  diskOf: (available: string, total: string): string => `${available} free of ${total}`,

  import: {
    open: 'Import…',
    title: 'Import a model',
    about: 'A GGUF file, or a folder with one. It is copied into Skein’s folder and checked.',
    aboutNode: (node: string): string => `The file has to lie on ${node}, whose page this is.`,
    path: 'Path of the file',
    placeholder: '/Users/me/Downloads/model.gguf',
    start: 'Import',
    copying: 'Copying and checking…',
    done: (title: string): string => `${title} is here`,
    failed: 'It could not be imported',
    close: 'Close',
  },
} as const;

function list(names: readonly string[]): string {
  if (names.length < 2) return names.join('');
  return `${names.slice(0, -1).join(', ')} and ${names.at(-1) ?? ''}`;
}
