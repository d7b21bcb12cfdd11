import { Menu, type MenuItemConstructorOptions } from 'electron';
import type { Menu as MenuModel, MenuAction, MenuItem } from './menu-model.ts';
import type { TrayAction, TrayItem } from './tray-item.ts';

/** The application's menu, shown by macOS at the top of the screen. */
export function setApplicationMenu(model: readonly MenuModel[], act: (action: MenuAction) => void): void {
  const entry = (item: MenuItem): MenuItemConstructorOptions => {
    switch (item.type) {
      case 'Separator':
        return { type: 'separator' };
      case 'Role':
        return { role: item.role };
      case 'Action': {
        const { label, action, accelerator } = item;
        return { label, click: () => act(action), ...(accelerator !== undefined && { accelerator }) };
      }
    }
  };
  Menu.setApplicationMenu(
    Menu.buildFromTemplate(
      model.map(({ label, role, items }) => ({
        label,
        submenu: items.map(entry),
        ...(role !== undefined && { role }),
      })),
    ),
  );
}

/** Electron takes a single "&" for the mark of a shortcut and leaves it out, also on a Mac. */
const plain = (label: string): string => label.replaceAll('&', '&&');

/** What the menubar item offers. */
export function trayMenu(items: readonly TrayItem[], act: (action: TrayAction) => void): Menu {
  const entry = (item: TrayItem): MenuItemConstructorOptions => {
    switch (item.type) {
      case 'Separator':
        return { type: 'separator' };
      case 'Label':
        return { label: plain(item.label), enabled: false };
      case 'Action':
        return { label: plain(item.label), click: () => act(item.action) };
      case 'Switch':
        return {
          label: plain(item.label),
          type: 'checkbox',
          checked: item.isOn,
          click: () => act(item.action),
        };
      case 'Submenu':
        return { label: plain(item.label), submenu: item.items.map(entry) };
    }
  };
  return Menu.buildFromTemplate(items.map(entry));
}
