import { describe, expect, test } from 'vitest';
import { AppView, defaultAppSettings, Opening } from '../../main/core/contract/ipc-app.ts';
import { menuModel, type Menu, type MenuItem, type MenuRole } from '../../main/electron/menu-model.ts';

/** Electron's own shortcuts for the roles that have one, on a Mac (`lib/browser/api/menu-item-roles.ts`). */
const ofRole: Readonly<Record<MenuRole, string | undefined>> = {
  about: undefined,
  services: undefined,
  hide: 'Command+H',
  hideOthers: 'Command+Alt+H',
  unhide: undefined,
  close: 'CommandOrControl+W',
  undo: 'CommandOrControl+Z',
  redo: 'Shift+CommandOrControl+Z',
  cut: 'CommandOrControl+X',
  copy: 'CommandOrControl+C',
  paste: 'CommandOrControl+V',
  pasteAndMatchStyle: 'Cmd+Option+Shift+V',
  delete: undefined,
  selectAll: 'CommandOrControl+A',
  resetZoom: 'CommandOrControl+0',
  zoomIn: 'CommandOrControl+Plus',
  zoomOut: 'CommandOrControl+-',
  togglefullscreen: 'Control+Command+F',
  reload: 'CmdOrCtrl+R',
  toggleDevTools: 'Alt+Command+I',
  minimize: 'CommandOrControl+M',
  zoom: undefined,
  front: undefined,
};

/** Shortcuts of macOS that an app must leave alone; and the one that Skein itself takes everywhere. */
const ofSystem = ['Cmd+Space', 'Cmd+Tab', 'Cmd+Shift+3', 'Cmd+Shift+4', 'Cmd+Shift+5', 'Cmd+Ctrl+Q'];

/** One spelling for a shortcut: its modifiers in order, then its key. */
function spelled(accelerator: string): string {
  const modifier = (key: string): string =>
    ({ cmdorctrl: 'Cmd', commandorcontrol: 'Cmd', command: 'Cmd', control: 'Ctrl', option: 'Alt' })[
      key.toLowerCase()
    ] ?? key;
  const keys = accelerator.split('+').map(modifier);
  return [...keys.slice(0, -1).toSorted(), keys.at(-1)].join('+');
}

const mac = { isMac: true, isPackaged: true };
const entries = (menus: readonly Menu[]): readonly MenuItem[] => menus.flatMap(({ items }) => items);
const read = ({ items }: Menu): readonly string[] =>
  items.map((item) => (item.type === 'Separator' ? '-' : item.type === 'Role' ? item.role : item.label));
const shortcuts = (menus: readonly Menu[]): readonly string[] =>
  entries(menus).flatMap((item) => {
    if (item.type === 'Separator') return [];
    const accelerator = item.type === 'Role' ? ofRole[item.role] : item.accelerator;
    return accelerator === undefined ? [] : [spelled(accelerator)];
  });

describe('on a Mac', () => {
  const menus = menuModel(mac);

  test('the menus stand in the order that people know', () => {
    expect(menus.map(({ label }) => label)).toEqual(['Skein', 'File', 'Edit', 'View', 'Window', 'Help']);
  });

  test('the application has its own menu: about, updates, settings, services, hiding, and its end', () => {
    expect(read(menus[0]!)).toEqual([
      ...['about', 'Check for Updates…', '-', 'Settings…', '-', 'services', '-'],
      ...['hide', 'hideOthers', 'unhide', '-', 'Quit Skein'],
    ]);
  });

  test.each([
    ['Settings…', 'CmdOrCtrl+,'],
    ['Quit Skein', 'CmdOrCtrl+Q'],
    ['New Chat', 'CmdOrCtrl+N'],
    ['Chat', 'CmdOrCtrl+1'],
    ['Models', 'CmdOrCtrl+2'],
    ['Cluster', 'CmdOrCtrl+3'],
    ['Activity', 'CmdOrCtrl+4'],
    ['Simulator', 'CmdOrCtrl+5'],
  ])('%s has the shortcut %s', (label, accelerator) => {
    const found = entries(menus).find((item) => item.type === 'Action' && item.label === label);
    expect(found).toMatchObject({ accelerator });
  });
});

describe.each([
  ['a Mac', mac],
  ['a Mac in development', { isMac: true, isPackaged: false }],
  ['Linux', { isMac: false, isPackaged: true }],
  ['Linux in development', { isMac: false, isPackaged: false }],
])('on %s', (_name, init) => {
  const menus = menuModel(init);
  const items = entries(menus);

  test('no two entries share a shortcut, nor one with the system or with the quick chat', () => {
    const taken = [...shortcuts(menus), ...[...ofSystem, defaultAppSettings.quickChatShortcut].map(spelled)];
    expect(taken.filter((each, index) => taken.indexOf(each) !== index)).toEqual([]);
  });

  test('each view is in it once', () => {
    const views = items.flatMap((item) =>
      item.type === 'Action' && item.action.type === 'Open' && item.action.opening.type === 'View'
        ? [item.action.opening.view]
        : [],
    );
    expect(views.toSorted()).toEqual(AppView.options.toSorted());
  });

  test('whatever it opens is as the contract with the page has it', () => {
    const openings = items.flatMap((item) =>
      item.type === 'Action' && item.action.type === 'Open' ? [item.action.opening] : [],
    );
    expect(openings.map((opening) => Opening.parse(opening))).toEqual(openings);
  });

  test('no menu is empty, begins or ends with a line, or has two in a row', () => {
    for (const menu of menus) {
      const lines = read(menu).join(' ');
      expect(lines).not.toMatch(/^$|^-|-$|- -/);
    }
  });

  test('a page can be reloaded, and looked into, in development only', () => {
    const roles = items.flatMap((item) => (item.type === 'Role' ? [item.role] : []));
    expect(roles.includes('reload')).toBe(!init.isPackaged);
    expect(roles.includes('toggleDevTools')).toBe(!init.isPackaged);
  });

  test('settings, updates and the end are there once', () => {
    for (const label of ['Settings…', 'Check for Updates…', 'Quit Skein']) {
      expect(items.filter((item) => item.type === 'Action' && item.label === label)).toHaveLength(1);
    }
  });
});
