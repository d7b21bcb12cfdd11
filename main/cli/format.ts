import type { MetaInstanceView } from '../core/contract/rest.ts';
import { fit, printable, wrap, type Style } from './terminal.ts';

const NAME_MOST = 28;
const GAP = 2;
const PHASE_WIDTH = 'PLACEMENT FAILED'.length;

/** Name, model and phase in columns; below a row what went wrong or is waited for. No line is wider than `width`. */
export function formatList(
  views: readonly MetaInstanceView[],
  { width, now, style }: { readonly width: number; readonly now: number; readonly style: Style },
): string {
  if (views.length === 0) return 'Nothing is to run; `skein create MODEL` changes that.\n';
  const room = width - PHASE_WIDTH - 2 * GAP;
  const longest = (texts: readonly string[]): number => Math.max(...texts.map(({ length }) => length));
  const nameWidth = Math.min(
    NAME_MOST,
    Math.floor(room / 2),
    longest(['NAME', ...views.map(({ metaInstanceId }) => metaInstanceId)]),
  );
  const modelWidth = Math.min(room - nameWidth, longest(['MODEL', ...views.map(({ modelId }) => modelId)]));
  const row = (name: string, model: string, phase: string): string =>
    `${fit(name, nameWidth)}  ${fit(model, modelWidth)}  ${phase}`;

  const lines = [style.dim(row('NAME', 'MODEL', 'PHASE'))];
  for (const view of views) {
    lines.push(row(view.metaInstanceId, view.modelId, phaseText(view, style)));
    for (const note of notesOf(view, now)) {
      lines.push(...wrap(printable(note), { width, indent: '    ' }).map(style.dim));
    }
  }
  return `${lines.join('\n')}\n`;
}

function phaseText({ phase, phaseLabel }: MetaInstanceView, style: Style): string {
  switch (phase) {
    case 'READY':
    case 'RUNNING':
      return style.green(phaseLabel);
    case 'FAILED':
    case 'PLACEMENT FAILED':
      return style.red(phaseLabel);
    case 'RETRYING':
      return style.yellow(phaseLabel);
    default:
      return phaseLabel;
  }
}

/** What a person should know besides the phase, one sentence each. */
export function notesOf(view: MetaInstanceView, now: number): string[] {
  const notes: string[] = [];
  if (view.placementError !== null) notes.push(`no place: ${view.placementError}`);
  const download = view.conditions.Downloaded;
  if (download?.reason === 'DownloadFailed') notes.push(`download: ${download.message}`);
  if (view.nextAttemptAt !== null) {
    const seconds = Math.max(0, Math.ceil((view.nextAttemptAt - now) / 1_000));
    notes.push(seconds === 0 ? 'next attempt now' : `next attempt in ${seconds} s`);
  }
  if (view.lastFailure !== null) {
    notes.push(`last failure ${agoText(now - view.lastFailure.at)}: ${view.lastFailure.message}`);
  }
  if (view.phase === 'FAILED') notes.push(`\`skein retry ${view.metaInstanceId}\` tries again`);
  const updated = view.conditions.Updated;
  if (updated?.status === 'False') notes.push(`update: ${updated.message}`);
  if (view.phase === 'IDLE') notes.push(view.conditions.Placed?.message ?? '');
  if (view.phase === 'PAUSED') notes.push(`\`skein resume ${view.metaInstanceId}\` places it anew`);
  return notes;
}

export function agoText(elapsedMs: number): string {
  const seconds = Math.max(0, Math.floor(elapsedMs / 1_000));
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 48 * 3_600) return `${Math.floor(seconds / 3_600)} h ago`;
  return `${Math.floor(seconds / 86_400)} days ago`;
}
