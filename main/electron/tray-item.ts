import type { Opening } from '../core/contract/ipc-app.ts';
import type { MetaInstanceId } from '../core/id.ts';
import { cut, many } from './words.ts';

/** What a click in the menu asks of the shell. */
export type TrayAction =
  | { readonly type: 'Open'; readonly opening: Opening | null }
  | { readonly type: 'QuickChat' }
  | { readonly type: 'Copy'; readonly text: string }
  | {
      readonly type: 'Ask';
      readonly ask: 'Retry' | 'Load' | 'Pause' | 'Resume';
      readonly metaInstanceId: MetaInstanceId;
    }
  | { readonly type: 'MenubarOnly'; readonly isOn: boolean }
  | { readonly type: 'InstallUpdate' }
  | { readonly type: 'Quit' };

/** One row of the menu; its label is at most `LONGEST_LINE` long. */
export type TrayItem =
  | { readonly type: 'Separator' }
  /** Only to be read. */
  | { readonly type: 'Label'; readonly label: string }
  | { readonly type: 'Action'; readonly label: string; readonly action: TrayAction }
  | {
      readonly type: 'Switch';
      readonly label: string;
      readonly isOn: boolean;
      readonly action: TrayAction;
    }
  | { readonly type: 'Submenu'; readonly label: string; readonly items: readonly TrayItem[] };

/** Rows of each kind before the rest is left to the window: a menu must fit a small display. */
export const MOST_ROWS = 10;

export const separator: TrayItem = { type: 'Separator' };

export const label = (text: string): TrayItem => ({ type: 'Label', label: cut(text) });

export const action = (text: string, act: TrayAction): TrayItem => ({
  type: 'Action',
  label: cut(text),
  action: act,
});

export const view = (name: 'cluster' | 'settings'): TrayAction => ({
  type: 'Open',
  opening: { type: 'View', view: name },
});

/** The first rows, and how many more there are, which opens the window. */
export function bounded(rows: readonly TrayItem[], what: string): readonly TrayItem[] {
  // Something in place of one row is worth less than that row.
  if (rows.length <= MOST_ROWS + 1) return rows;
  const rest = rows.length - MOST_ROWS;
  return [...rows.slice(0, MOST_ROWS), action(`${many(rest, `more ${what}`)}…`, view('cluster'))];
}
