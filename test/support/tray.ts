import type { ClusterState } from '../../main/core/state.ts';
import { MINUTE } from '../../main/core/unit.ts';
import type { TrayItem } from '../../main/electron/tray-item.ts';
import { trayModel, type TrayModel } from '../../main/electron/tray-model.ts';
import type { TrayNode } from '../../main/electron/tray-node.ts';
import { ada, startAt, telemetry } from './core-builders.ts';

/** When the menubar item is looked at. */
export const now = startAt + MINUTE;
export const settings = { menubarOnly: false };

/** `ada`, which leads, has 12 GiB free and serves. */
export function trayNode(state: ClusterState, changes: Partial<TrayNode> = {}): TrayNode {
  return {
    nodeId: ada,
    now,
    state,
    telemetry: telemetry({ [ada]: 12 }),
    master: ada,
    away: [],
    address: 'http://127.0.0.1:52415',
    ...changes,
  };
}

export const menubarOf = (state: ClusterState, changes: Partial<TrayNode> = {}): TrayModel =>
  trayModel({ node: trayNode(state, changes), settings, update: undefined });

/** The menu as a person reads it, a submenu's rows behind its own. */
export function read(items: readonly TrayItem[], indent = ''): readonly string[] {
  return items.flatMap((item) => {
    switch (item.type) {
      case 'Separator':
        return [];
      case 'Label':
        return [`${indent}(${item.label})`];
      case 'Action':
        return [`${indent}${item.label}`];
      case 'Switch':
        return [`${indent}[${item.isOn ? 'x' : ' '}] ${item.label}`];
      case 'Submenu':
        return [`${indent}${item.label}`, ...read(item.items, '  ')];
    }
  });
}
