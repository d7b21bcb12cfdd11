import { z } from 'zod';
import { MetaInstanceId } from '../id.ts';

/** What people choose for the app itself; the node has settings of its own. Kept over starts. */
export const AppSettings = z.strictObject({
  /** Start with the computer. */
  openAtLogin: z.boolean(),
  /** Live in the menubar, without a place in the Dock. */
  menubarOnly: z.boolean(),
  /** Keep the computer from sleeping while a model runs on it. */
  keepAwake: z.boolean(),
  /** Say when a model that was started here is ready or has failed. */
  notifications: z.boolean(),
  /** As Electron writes accelerators, e.g. `Alt+Space`; empty = none. */
  quickChatShortcut: z.string().max(64),
  updateChannel: z.enum(['latest', 'beta']),
});
export type AppSettings = z.infer<typeof AppSettings>;

export const defaultAppSettings: AppSettings = {
  openAtLogin: false,
  menubarOnly: false,
  keepAwake: false,
  notifications: true,
  quickChatShortcut: 'Alt+Shift+Space',
  updateChannel: 'latest',
};

export const AppSettingsChange = AppSettings.partial();
export type AppSettingsChange = z.infer<typeof AppSettingsChange>;

/** Where the app stands with newer versions of itself. Nothing is fetched or installed before a person says so. */
export const UpdateState = z.discriminatedUnion('type', [
  /** This build has no feed, or could not be replaced. */
  z.strictObject({ type: z.literal('Unavailable'), reason: z.string() }),
  z.strictObject({ type: z.literal('Idle') }),
  z.strictObject({ type: z.literal('Checking') }),
  z.strictObject({ type: z.literal('Found'), version: z.string() }),
  z.strictObject({ type: z.literal('Fetching'), version: z.string(), percent: z.number().min(0).max(100) }),
  z.strictObject({ type: z.literal('Fetched'), version: z.string() }),
  z.strictObject({ type: z.literal('Failed'), message: z.string() }),
]);
export type UpdateState = z.infer<typeof UpdateState>;

export const UpdateStep = z.enum(['Check', 'Fetch', 'Install']);
export type UpdateStep = z.infer<typeof UpdateStep>;

export const AppInfo = z.strictObject({
  version: z.string(),
  electron: z.string(),
  platform: z.string(),
  settings: AppSettings,
  /** `Refused`: it is no shortcut, or another program has it. */
  quickChat: z.enum(['Off', 'Works', 'Refused']),
  update: UpdateState,
});
export type AppInfo = z.infer<typeof AppInfo>;

export const AppView = z.enum(['chat', 'models', 'cluster', 'activity', 'simulator', 'settings']);
export type AppView = z.infer<typeof AppView>;

/** As pages and menus name them, in the order in which both show them. */
export const viewTitles: Readonly<Record<AppView, string>> = {
  chat: 'Chat',
  models: 'Models',
  cluster: 'Cluster',
  activity: 'Activity',
  simulator: 'Simulator',
  settings: 'Settings',
};

/** Longest text that a link may type for a person. */
export const MAX_LINK_TEXT = 8_192;

/** What the shell wants its page to show: from a menu, the menubar item, a notification or a `skein://` link. */
export const Opening = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('View'), view: AppView }),
  /** A new conversation. The text is typed, never sent. */
  z.strictObject({
    type: z.literal('Chat'),
    text: z.string().max(MAX_LINK_TEXT).optional(),
    target: z.string().max(256).optional(),
  }),
  /** The dialog for joining a cluster. The code is typed, never sent. */
  z.strictObject({ type: z.literal('Pair'), code: z.string().max(64).optional() }),
  z.strictObject({ type: z.literal('Run') }),
  z.strictObject({ type: z.literal('Import') }),
  z.strictObject({ type: z.literal('MetaInstance'), metaInstanceId: MetaInstanceId }),
]);
export type Opening = z.infer<typeof Opening>;

/** How the shell answers its pages: Electron itself keeps only an error's message. */
export type AppAnswer<Value> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly error: { readonly code: AppErrorCode; readonly message: string } };

/** `Forbidden`: not one of the app's own pages. `BadRequest`: not as the contract has it. `Unavailable`: not now. */
export type AppErrorCode = 'Forbidden' | 'BadRequest' | 'Unavailable' | 'Internal';

/** All that a page of the app has beyond a page in a browser. */
export interface AppBridge {
  /** Then a port to the node comes as a message of this window with `appChannels.port` as its data. */
  connect(): Promise<AppAnswer<null>>;
  info(): Promise<AppAnswer<AppInfo>>;
  changeSettings(change: AppSettingsChange): Promise<AppAnswer<AppInfo>>;
  update(step: UpdateStep): Promise<AppAnswer<AppInfo>>;
  /** At most one listener; what came before it is told to it at once. */
  onOpening(listener: (opening: Opening) => void): void;
}
