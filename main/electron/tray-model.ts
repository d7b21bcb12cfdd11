import type { AppSettings, Opening } from '../core/contract/ipc-app.ts';
import type { MetaInstanceId, NodeId } from '../core/id.ts';
import type { MetaInstance } from '../core/meta-instance.ts';
import { phaseDetail } from '../core/phase-detail.ts';
import { phaseLabel, phaseOf, type Phase } from '../core/phase.ts';
import type { ClusterState } from '../core/state.ts';
import type { Telemetry } from '../core/telemetry.ts';
import { formatBytes } from '../core/unit.ts';
import { inOrder, nodeName, values } from '../core/view.ts';
import { cut, many } from './words.ts';

/** What the menubar item is about: the node as it sees its cluster. */
export interface TrayInput {
  /** Undefined = no node runs now: it starts, left its cluster, or could not start. */
  readonly node: TrayNode | undefined;
  readonly settings: Pick<AppSettings, 'menubarOnly'>;
  /** A newer Skein that waits to be installed; undefined = none. */
  readonly update: string | undefined;
}

export interface TrayNode {
  readonly nodeId: NodeId;
  readonly state: ClusterState;
  readonly telemetry: Telemetry;
  /** Null = nobody leads. */
  readonly master: NodeId | null;
  readonly away: readonly NodeId[];
  /** Of the REST server; null = there is none. */
  readonly address: string | null;
}

export type TrayIcon = 'idle' | 'working' | 'problem';

export type TrayAction =
  | { readonly type: 'Open'; readonly opening: Opening | null }
  | { readonly type: 'QuickChat' }
  | { readonly type: 'Copy'; readonly text: string }
  | {
      readonly type: 'Ask';
      readonly ask: 'Retry' | 'Pause' | 'Resume';
      readonly metaInstanceId: MetaInstanceId;
    }
  | { readonly type: 'MenubarOnly'; readonly isOn: boolean }
  | { readonly type: 'InstallUpdate' }
  | { readonly type: 'Quit' };

export type TrayItem =
  | { readonly type: 'Separator' }
  | { readonly type: 'Label'; readonly label: string }
  | { readonly type: 'Action'; readonly label: string; readonly action: TrayAction }
  | {
      readonly type: 'Switch';
      readonly label: string;
      readonly isOn: boolean;
      readonly action: TrayAction;
    }
  | { readonly type: 'Submenu'; readonly label: string; readonly items: readonly TrayItem[] };

export interface TrayModel {
  readonly icon: TrayIcon;
  /** One line, also what a screen reader says. */
  readonly tooltip: string;
  readonly items: readonly TrayItem[];
}

/** Rows of each kind before the rest is left to the window: a menu must fit a small display. */
const MOST_ROWS = 10;

const separator: TrayItem = { type: 'Separator' };
const label = (text: string): TrayItem => ({ type: 'Label', label: text });
const action = (text: string, act: TrayAction): TrayItem => ({ type: 'Action', label: text, action: act });
const view = (name: 'cluster' | 'settings'): TrayAction => ({
  type: 'Open',
  opening: { type: 'View', view: name },
});

/** The menubar item as data: a picture, a line, and what the menu offers. */
export function trayModel({ node, settings, update }: TrayInput): TrayModel {
  const summary = node === undefined ? 'Skein is starting' : summaryOf(node);
  return {
    icon: node === undefined ? 'working' : iconOf(node),
    tooltip: `Skein: ${summary.charAt(0).toLowerCase()}${summary.slice(1)}`,
    items: [
      label(summary),
      separator,
      ...(node === undefined ? [] : [...models(node), separator, ...nodes(node), separator]),
      action('Open Skein', { type: 'Open', opening: null }),
      action('Quick Chat', { type: 'QuickChat' }),
      ...(node === undefined ? [] : [action('Run a Model…', { type: 'Open', opening: { type: 'Run' } })]),
      ...(node?.address == null
        ? []
        : [action('Copy API Address', { type: 'Copy', text: `${node.address}/v1` })]),
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

const troubled: ReadonlySet<Phase> = new Set(['FAILED', 'PLACEMENT FAILED']);
const busy: ReadonlySet<Phase> = new Set([
  ...(['PLACING', 'DOWNLOADING', 'LOADING', 'WARMING UP', 'RETRYING', 'RUNNING', 'DELETING'] as const),
]);

function iconOf({ state, master }: TrayNode): TrayIcon {
  const phases = values(state.metaInstances).map((each) => phaseOf(state, each));
  if (master === null || phases.some((phase) => troubled.has(phase))) return 'problem';
  return phases.some((phase) => busy.has(phase)) ? 'working' : 'idle';
}

function summaryOf({ state, master, away }: TrayNode): string {
  if (master === null) return 'No computer leads just now';
  const phases = values(state.metaInstances).map((each) => phaseOf(state, each));
  const failed = phases.filter((phase) => troubled.has(phase)).length;
  const serving = phases.filter((phase) => phase === 'READY' || phase === 'RUNNING').length;
  const computers = values(state.nodes).length;
  const parts = [
    failed > 0 ? `${many(failed, 'model')} failed` : undefined,
    serving > 0 || failed === 0
      ? `${serving === 0 ? 'no' : serving} model${serving === 1 ? '' : 's'} ready`
      : undefined,
    computers > 1 ? `${computers} computers` : undefined,
    away.length > 0 ? `${away.length} away` : undefined,
  ].filter((part) => part !== undefined);
  const text = parts.join(', ');
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}

function models(node: TrayNode): readonly TrayItem[] {
  const all = inOrder(node.state);
  if (all.length === 0) return [label('Nothing runs yet')];
  // What needs a person comes first, then what is at work.
  const rank = (each: MetaInstance): number => {
    const phase = phaseOf(node.state, each);
    return troubled.has(phase) ? 0 : busy.has(phase) ? 1 : 2;
  };
  const sorted = all.toSorted((one, other) => rank(one) - rank(other));
  return [...sorted.slice(0, MOST_ROWS).map((each) => model(node, each)), ...more(all.length, 'model')];
}

function model({ state, telemetry }: TrayNode, metaInstance: MetaInstance): TrayItem {
  const { metaInstanceId, card } = metaInstance;
  const phase = phaseOf(state, metaInstance);
  const detail = phaseDetail(state, telemetry, metaInstance);
  const progress = phase === 'LOADING' || phase === 'DOWNLOADING' ? `, ${detail}` : '';
  const target = { metaInstanceId };
  const ask = (text: string, what: 'Retry' | 'Pause' | 'Resume'): TrayItem =>
    action(text, { type: 'Ask', ask: what, ...target });
  return {
    type: 'Submenu',
    label: cut(`${metaInstanceId}: ${phaseLabel(state, metaInstance).toLowerCase()}${progress}`),
    items: [
      label(cut(card.modelId)),
      ...(detail === '' || detail === card.modelId || progress !== '' ? [] : [label(cut(detail))]),
      separator,
      ...(phase === 'READY' || phase === 'RUNNING' || phase === 'IDLE'
        ? [action('Chat', { type: 'Open', opening: { type: 'Chat', target: metaInstanceId } })]
        : []),
      ...(phase === 'PAUSED' ? [ask('Start', 'Resume')] : []),
      ...(troubled.has(phase) || phase === 'RETRYING' ? [ask('Retry Now', 'Retry')] : []),
      ...(phase === 'PAUSED' || phase === 'DELETING' ? [] : [ask('Stop', 'Pause')]),
      action('Show in Skein', { type: 'Open', opening: { type: 'MetaInstance', ...target } }),
    ],
  };
}

function nodes(node: TrayNode): readonly TrayItem[] {
  const all = values(node.state.nodes);
  const own = (nodeId: NodeId): number => (nodeId === node.nodeId ? 0 : 1);
  const sorted = all.toSorted(
    (one, other) => own(one.nodeId) - own(other.nodeId) || one.name.localeCompare(other.name, 'en'),
  );
  return [
    ...sorted.slice(0, MOST_ROWS).map(({ nodeId }) => action(cut(nodeLabel(node, nodeId)), view('cluster'))),
    ...more(all.length, 'computer'),
  ];
}

function nodeLabel({ state, telemetry, nodeId: self, master, away }: TrayNode, nodeId: NodeId): string {
  const seen = telemetry.nodes[nodeId];
  const isAway = away.includes(nodeId);
  const facts = [
    nodeId === self ? 'this computer' : undefined,
    isAway ? 'away' : undefined,
    nodeId === master ? 'leads' : undefined,
    seen === undefined || isAway
      ? undefined
      : `${formatBytes(seen.availableBytes)} of ${formatBytes(seen.totalBytes)} free`,
  ].filter((fact) => fact !== undefined);
  return [nodeName(state, nodeId), ...facts].join(', ');
}

const more = (count: number, what: string): readonly TrayItem[] =>
  count <= MOST_ROWS ? [] : [action(`${many(count - MOST_ROWS, `more ${what}`)}…`, view('cluster'))];
