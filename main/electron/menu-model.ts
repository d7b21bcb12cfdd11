import { AppView, viewTitles, type Opening } from '../core/contract/ipc-app.ts';

export type MenuAction =
  | { readonly type: 'Open'; readonly opening: Opening }
  | { readonly type: 'QuickChat' }
  | { readonly type: 'CheckForUpdates' }
  | { readonly type: 'OpenDataFolder' }
  | { readonly type: 'Quit' };

/** What the system itself does, names and gives a shortcut. */
export type MenuRole =
  | 'about'
  | 'services'
  | 'hide'
  | 'hideOthers'
  | 'unhide'
  | 'close'
  | 'undo'
  | 'redo'
  | 'cut'
  | 'copy'
  | 'paste'
  | 'pasteAndMatchStyle'
  | 'delete'
  | 'selectAll'
  | 'resetZoom'
  | 'zoomIn'
  | 'zoomOut'
  | 'togglefullscreen'
  | 'reload'
  | 'toggleDevTools'
  | 'minimize'
  | 'zoom'
  | 'front';

export type MenuItem =
  | { readonly type: 'Separator' }
  | { readonly type: 'Role'; readonly role: MenuRole }
  | {
      readonly type: 'Action';
      readonly label: string;
      readonly action: MenuAction;
      /** As Electron writes them; absent = none. */
      readonly accelerator?: string;
    };

export interface Menu {
  readonly label: string;
  /** What the system adds of its own to such a menu. */
  readonly role?: 'window' | 'help';
  readonly items: readonly MenuItem[];
}

const separator: MenuItem = { type: 'Separator' };
const role = (name: MenuRole): MenuItem => ({ type: 'Role', role: name });
const open = (label: string, opening: Opening, accelerator?: string): MenuItem => ({
  type: 'Action',
  label,
  action: { type: 'Open', opening },
  ...(accelerator !== undefined && { accelerator }),
});

/** Those of the menu of views: settings stand where people look for them. */
const views = AppView.options.filter((view) => view !== 'settings');

/** The application's menu as data. `isMac`: macOS has a menu of the application itself, others have none. */
export function menuModel(init: { readonly isMac: boolean; readonly isPackaged: boolean }): readonly Menu[] {
  const settings = open('Settings…', { type: 'View', view: 'settings' }, 'CmdOrCtrl+,');
  const updates: MenuItem = {
    type: 'Action',
    label: 'Check for Updates…',
    action: { type: 'CheckForUpdates' },
  };
  const quit: MenuItem = {
    type: 'Action',
    label: 'Quit Skein',
    action: { type: 'Quit' },
    accelerator: 'CmdOrCtrl+Q',
  };
  const application: Menu = {
    label: 'Skein',
    items: [
      ...[role('about'), updates, separator, settings, separator, role('services'), separator],
      ...[role('hide'), role('hideOthers'), role('unhide'), separator, quit],
    ],
  };
  return [
    ...(init.isMac ? [application] : []),
    {
      label: 'File',
      items: [
        open('New Chat', { type: 'Chat' }, 'CmdOrCtrl+N'),
        {
          type: 'Action',
          label: 'Quick Chat',
          action: { type: 'QuickChat' },
          accelerator: 'CmdOrCtrl+Shift+N',
        },
        separator,
        open('Run a Model…', { type: 'Run' }, 'CmdOrCtrl+Shift+R'),
        open('Import a Model…', { type: 'Import' }, 'CmdOrCtrl+O'),
        open('Add a Computer…', { type: 'Pair' }),
        separator,
        role('close'),
        ...(init.isMac ? [] : [separator, settings, updates, separator, quit]),
      ],
    },
    {
      label: 'Edit',
      items: [
        ...[role('undo'), role('redo'), separator, role('cut'), role('copy'), role('paste')],
        ...[role('pasteAndMatchStyle'), role('delete'), role('selectAll')],
      ],
    },
    {
      label: 'View',
      items: [
        ...views.map((view, index) =>
          open(viewTitles[view], { type: 'View', view }, `CmdOrCtrl+${index + 1}`),
        ),
        separator,
        ...[role('resetZoom'), role('zoomIn'), role('zoomOut'), separator, role('togglefullscreen')],
        ...(init.isPackaged ? [] : [separator, role('reload'), role('toggleDevTools')]),
      ],
    },
    {
      label: 'Window',
      role: 'window',
      items: [role('minimize'), role('zoom'), ...(init.isMac ? [separator, role('front')] : [])],
    },
    {
      label: 'Help',
      role: 'help',
      items: [{ type: 'Action', label: 'Show Data Folder', action: { type: 'OpenDataFolder' } }],
    },
  ];
}
