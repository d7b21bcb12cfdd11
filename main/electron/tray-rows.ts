import type { MetaInstance } from '../core/meta-instance.ts';
import { phaseDetail } from '../core/phase-detail.ts';
import { phaseLabel, phaseOf, type Phase } from '../core/phase.ts';
import { unreachable } from '../core/result.ts';
import type { NodeRecord } from '../core/state.ts';
import { formatAgo, formatDuration, GiB } from '../core/unit.ts';
import { distinctNames, inOrder, values } from '../core/view.ts';
import { action, bounded, label, MOST_ROWS, separator, view, type TrayItem } from './tray-item.ts';
import type { TrayNode } from './tray-node.ts';
import { cut, lines, LONGEST_LINE, many } from './words.ts';

/** What a phase means for whoever glances at the menubar. */
export type Standing = 'NeedsPerson' | 'UnderWay' | 'Serves' | 'Rests';

export function standingOf(phase: Phase): Standing {
  switch (phase) {
    case 'FAILED':
    case 'PLACEMENT FAILED':
      return 'NeedsPerson';
    case 'PLACING':
    case 'RETRYING':
    case 'DOWNLOADING':
    case 'LOADING':
    case 'WARMING UP':
    case 'DELETING':
      return 'UnderWay';
    case 'READY':
    case 'RUNNING':
      return 'Serves';
    case 'IDLE':
    case 'PAUSED':
      return 'Rests';
    default:
      return unreachable(phase);
  }
}

const urgency: readonly Standing[] = ['NeedsPerson', 'UnderWay', 'Serves', 'Rests'];

export function modelRows(node: TrayNode): readonly TrayItem[] {
  const all = inOrder(node.state);
  if (all.length === 0) return [label('Nothing runs yet')];
  const rank = new Map(
    all.map((each) => [each.metaInstanceId, urgency.indexOf(standingOf(phaseOf(node.state, each)))]),
  );
  const rankOf = ({ metaInstanceId }: MetaInstance): number => rank.get(metaInstanceId) ?? urgency.length;
  // Rows that jump about are hard to hit: only where some are left out, those that need a person come first.
  const sorted = all.length <= MOST_ROWS ? all : all.toSorted((one, other) => rankOf(one) - rankOf(other));
  return bounded(
    sorted.map((each) => modelRow(node, each)),
    'model',
  );
}

function modelRow(node: TrayNode, metaInstance: MetaInstance): TrayItem {
  const { metaInstanceId, card } = metaInstance;
  const phase = phaseOf(node.state, metaInstance);
  const progress = progressOf(node, metaInstance, phase);
  const word = phaseLabel(node.state, metaInstance).toLowerCase();
  return {
    type: 'Submenu',
    label: cut(`${metaInstanceId}: ${word}${progress}`),
    items: [
      label(card.modelId),
      ...reasonsOf(node, metaInstance, phase).map(label),
      separator,
      ...offers(metaInstance, phase),
      action(standingOf(phase) === 'NeedsPerson' ? 'Show Why in Skein' : 'Show in Skein', {
        type: 'Open',
        opening: { type: 'MetaInstance', metaInstanceId },
      }),
    ],
  };
}

/** What follows the phase on its line. */
function progressOf({ state, telemetry, now }: TrayNode, metaInstance: MetaInstance, phase: Phase): string {
  const { nextAttemptAt } = metaInstance.status;
  switch (phase) {
    case 'LOADING':
      return `, ${phaseDetail(state, telemetry, metaInstance)}`;
    case 'DOWNLOADING': {
      // Before anything is told of it there is only the model's name, which is below.
      const detail = phaseDetail(state, telemetry, metaInstance);
      const failed = metaInstance.status.conditions.Downloaded?.reason === 'DownloadFailed';
      return failed || detail === metaInstance.card.modelId ? '' : `, ${detail}`;
    }
    case 'RETRYING':
      return nextAttemptAt === null || nextAttemptAt <= now
        ? ''
        : ` in ${formatDuration(nextAttemptAt - now)}`;
    case 'RUNNING': {
      const chats = values(state.tasks).filter(
        (task) => task.metaInstanceId === metaInstance.metaInstanceId,
      ).length;
      return `, ${many(chats, 'chat')}`;
    }
    default:
      return '';
  }
}

/** Why it is as it is, where that is not said by the phase. */
function reasonsOf(
  { state, telemetry }: TrayNode,
  metaInstance: MetaInstance,
  phase: Phase,
): readonly string[] {
  const isDownloadFailed = metaInstance.status.conditions.Downloaded?.reason === 'DownloadFailed';
  const hasReason =
    standingOf(phase) === 'NeedsPerson' ||
    phase === 'RETRYING' ||
    phase === 'IDLE' ||
    (phase === 'DOWNLOADING' && isDownloadFailed);
  return hasReason ? lines(phaseDetail(state, telemetry, metaInstance)) : [];
}

function offers({ metaInstanceId }: MetaInstance, phase: Phase): readonly TrayItem[] {
  const ask = (text: string, what: 'Retry' | 'Load' | 'Pause' | 'Resume'): TrayItem =>
    action(text, { type: 'Ask', ask: what, metaInstanceId });
  const stop = ask('Stop', 'Pause');
  const chat = action('Chat', { type: 'Open', opening: { type: 'Chat', target: metaInstanceId } });
  switch (phase) {
    case 'READY':
    case 'RUNNING':
      return [chat, stop];
    case 'IDLE':
      return [chat, ask('Load Now', 'Load'), stop];
    case 'FAILED':
    case 'PLACEMENT FAILED':
    case 'RETRYING':
      return [ask('Retry Now', 'Retry'), stop];
    case 'PLACING':
    case 'DOWNLOADING':
    case 'LOADING':
    case 'WARMING UP':
      return [stop];
    case 'PAUSED':
      return [ask('Start', 'Resume')];
    case 'DELETING':
      return [];
    default:
      return unreachable(phase);
  }
}

export function nodeRows(node: TrayNode): readonly TrayItem[] {
  const { state, nodeId: self, master, away } = node;
  const names = distinctNames(state);
  const all = values(state.nodes);
  const rank = ({ nodeId }: NodeRecord): number => {
    if (nodeId === self) return 0;
    if (all.length <= MOST_ROWS) return 3;
    return nodeId === master ? 1 : away.includes(nodeId) ? 2 : 3;
  };
  const sorted = all.toSorted(
    (one, other) => rank(one) - rank(other) || one.name.localeCompare(other.name, 'en'),
  );
  return bounded(
    sorted.map((each) => action(nodeLabel(node, each, names[each.nodeId] ?? each.name), view('cluster'))),
    'computer',
  );
}

function nodeLabel(node: TrayNode, { nodeId, lostAt }: NodeRecord, name: string): string {
  const { telemetry, nodeId: self, master, away, now } = node;
  const seen = telemetry.nodes[nodeId];
  const heardAt = seen?.at ?? lostAt;
  const facts = [
    nodeId === self ? 'this computer' : undefined,
    nodeId === master ? 'leads' : undefined,
    away.includes(nodeId)
      ? heardAt === undefined
        ? 'away'
        : `away, last heard of ${formatAgo(heardAt, now)}`
      : seen && `${wholeGiB(seen.availableBytes)} of ${wholeGiB(seen.totalBytes)} GiB free`,
  ].filter((fact) => fact !== undefined);
  // What is said of a node comes whole: its name gives way.
  const said = facts.map((fact) => `, ${fact}`).join('');
  return `${cut(name, LONGEST_LINE - said.length)}${said}`;
}

/** Memory moves all the time; a menu that follows each MiB is drawn anew each second. */
const wholeGiB = (bytes: number): number => Math.round(bytes / GiB);
