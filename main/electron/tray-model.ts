import type { AppSettings } from '../core/contract/ipc-app.ts';
import { phaseOf } from '../core/phase.ts';
import { values } from '../core/view.ts';
import { action, label, separator, view, type TrayItem } from './tray-item.ts';
import type { TrayNode } from './tray-node.ts';
import { modelRows, nodeRows, standingOf, type Standing } from './tray-rows.ts';
import { capital, cut, many } from './words.ts';

export interface TrayInput {
  /** Undefined = no node runs now: it starts, left its cluster, or could not start. */
  readonly node: TrayNode | undefined;
  readonly settings: Pick<AppSettings, 'menubarOnly'>;
  /** A newer Skein that waits to be installed; undefined = none. */
  readonly update: string | undefined;
}

export type TrayIcon = 'idle' | 'working' | 'problem';

export interface TrayModel {
  readonly icon: TrayIcon;
  /** One line, also what a screen reader says. */
  readonly tooltip: string;
  readonly items: readonly TrayItem[];
}

/** The menubar item as data: a picture, a line, and what the menu offers. Equal models need no drawing. */
export function trayModel({ node, settings, update }: TrayInput): TrayModel {
  const glance =
    node === undefined ? { icon: 'working' as const, text: 'Skein is starting' } : glanceOf(node);
  return {
    icon: glance.icon,
    tooltip: cut(node === undefined ? glance.text : `Skein: ${glance.text}`),
    items: [
      label(capital(glance.text)),
      separator,
      ...(node === undefined ? [] : [...modelRows(node), separator, ...nodeRows(node), separator]),
      action('Open Skein', { type: 'Open', opening: null }),
      ...(node === undefined ? [] : onNode(node)),
      separator,
      {
        type: 'Switch',
        label: 'Only in the Menubar',
        isOn: settings.menubarOnly,
        action: { type: 'MenubarOnly', isOn: !settings.menubarOnly },
      },
      action('Settings…', view('settings')),
      ...(update === undefined ? [] : [action(`Install Skein ${update}`, { type: 'InstallUpdate' })]),
      separator,
      action('Quit Skein', { type: 'Quit' }),
    ],
  };
}

/** What needs a node that runs. */
const onNode = ({ address }: TrayNode): readonly TrayItem[] => [
  action('Quick Chat', { type: 'QuickChat' }),
  action('Run a Model…', { type: 'Open', opening: { type: 'Run' } }),
  address === null
    ? label('The API has no address just now')
    : action('Copy API Address', { type: 'Copy', text: `${address}/v1` }),
];

/** The cluster at a glance, as the middle of a sentence. */
function glanceOf({ state, master, away }: TrayNode): { readonly icon: TrayIcon; readonly text: string } {
  if (master === null) return { icon: 'problem', text: 'no computer leads just now' };
  const count: Record<Standing, number> = { NeedsPerson: 0, UnderWay: 0, Serves: 0, Rests: 0 };
  for (const each of values(state.metaInstances)) count[standingOf(phaseOf(state, each))] += 1;
  const { NeedsPerson: stuck, UnderWay: underWay, Serves: serve } = count;
  const computers = values(state.nodes).length;
  const text = [
    stuck > 0 ? `${many(stuck, 'model')} ${stuck === 1 ? 'needs' : 'need'} you` : undefined,
    serve > 0 ? `${many(serve, 'model')} ready` : undefined,
    underWay > 0 ? `${many(underWay, 'model')} under way` : undefined,
    stuck + serve + underWay === 0 ? 'no models ready' : undefined,
    computers > 1 ? `${computers} computers` : undefined,
    away.length > 0 ? `${away.length} away` : undefined,
  ].filter((part) => part !== undefined);
  const isWorking = underWay > 0 || values(state.tasks).length > 0;
  return { icon: stuck > 0 ? 'problem' : isWorking ? 'working' : 'idle', text: text.join(', ') };
}
