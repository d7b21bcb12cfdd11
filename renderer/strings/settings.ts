import type { AppSettings, UpdateState } from '../../main/core/contract/ipc-app.ts';
import { unreachable } from '../../main/core/result.ts';
import type { SettingKey } from '../../main/core/contract/ipc-settings.ts';

export const settings = {
  title: 'Settings',
  appearance: 'Appearance',
  theme: 'Theme',
  themes: { system: 'As the system', light: 'Light', dark: 'Dark' },
  welcome: 'Show the first steps again',
  app: 'App',
  appVersion: (version: string, electron: string): string => `Skein ${version}, on Electron ${electron}`,
  appNames: {
    openAtLogin: 'Open when you log in',
    menubarOnly: 'Live in the menubar only',
    keepAwake: 'Keep this computer awake while it serves a model',
    notifications: 'Notify when a model you started is ready or has failed',
    quickChatShortcut: 'Shortcut of the quick chat',
    updateChannel: 'Versions',
  } satisfies Record<keyof AppSettings, string>,
  appHints: {
    menubarOnly: 'Without a place in the Dock.',
    quickChatShortcut: 'Such as Alt+Shift+Space. Empty = none.',
    updateChannel: 'Nothing is fetched or installed until you say so.',
  } as Partial<Record<keyof AppSettings, string>>,
  shortcutTaken: 'This is no shortcut, or another program has it. Choose another.',
  channels: { latest: 'Finished ones', beta: 'Early ones too' } satisfies Record<
    AppSettings['updateChannel'],
    string
  >,
  update: 'Newer version',
  updateState: (update: UpdateState): string => updateSentence(update),
  updateSteps: { Check: 'Look for one', Fetch: 'Fetch it', Install: 'Install and start again' },
  node: 'This computer',
  apiAddress: 'Address for other tools',
  copy: 'Copy',
  copied: 'Copied.',
  nodeId: 'Node id',
  version: 'Version',
  names: {
    name: 'Name',
    port: 'Port of the API',
    peerPort: 'Port for other computers',
    peerHost: 'Address for other computers',
    peers: 'Other computers to call',
    discovery: 'Look for other computers in the local network',
    dataDir: 'Folder of all that Skein keeps',
    modelDirs: 'Further folders with model files',
    logLevel: 'Log',
    maxTasks: 'Chats of one model at a time',
    maxQueued: 'Chats that may wait',
    prefillChunk: 'Prompt tokens of one step',
    kvBytes: 'Memory of one model’s conversations, in bytes',
  } satisfies Record<SettingKey, string>,
  hints: {
    name: 'Empty = the computer’s own.',
    peerHost: 'Empty = all interfaces.',
    peers: 'IP:PORT, separated by spaces; for networks where they do not find each other.',
    modelDirs: 'Separated by line ends; only read.',
    kvBytes: 'Empty = room for one full conversation.',
  } as Partial<Record<SettingKey, string>>,
  sections: {
    general: 'General',
    network: 'Network',
    work: 'Work',
    files: 'Files',
  },
  source: {
    Default: 'as delivered',
    Settings: 'set here',
    Environment: 'set by a variable of the environment',
    Flag: 'set by a flag',
  },
  fixed: 'Set where Skein is started; it can only be changed there.',
  restart: 'Changes take effect when Skein starts the next time.',
  pending: (value: string): string => `From the next start on: ${value}`,
  asDefault: 'as delivered',
  save: 'Save',
  reset: 'As delivered',
  saved: 'Saved. It takes effect when Skein starts the next time.',
  yes: 'Yes',
  no: 'No',
  cluster: 'Cluster',
  clusterWhy: 'Computers of one cluster share a key. Pairing hands it over.',
  key: (fingerprint: string, generation: number): string => `Key ${fingerprint}, version ${generation}`,
  rdma: 'RDMA over Thunderbolt on this computer',
  rdmaStates: { Enabled: 'On', Disabled: 'Off', Unknown: 'Not available' },
  pair: 'Add a computer…',
  leave: 'Leave this cluster…',
  leaveTitle: 'Leave this cluster?',
  leaveWhy:
    'This computer starts over as a cluster of its own, without the models that run now. What it had is set aside, not deleted.',
  leaveConfirm: 'Leave',
  cancel: 'Cancel',
} as const;

function updateSentence(update: UpdateState): string {
  switch (update.type) {
    case 'Unavailable':
      return update.reason;
    case 'Idle':
      return 'None is known.';
    case 'Checking':
      return 'Looking…';
    case 'Found':
      return `${update.version} is there.`;
    case 'Fetching':
      return `${update.version} is being fetched: ${Math.round(update.percent)} %`;
    case 'Fetched':
      return `${update.version} is ready to be installed.`;
    case 'Failed':
      return update.message;
    default:
      return unreachable(update);
  }
}
