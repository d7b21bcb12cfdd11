import type {
  CandidatesAnswer,
  GivesWay,
  PlacementRefusal,
  Prediction,
  UpdateView,
} from '../core/contract/rest-placement.ts';
import { unreachable } from '../core/result.ts';
import { formatBytes } from '../core/unit.ts';
import { fit, printable, wrap, type Style } from './terminal.ts';

const INDENT = '   ';
/** Columns for layers and the three sizes; the name gets what is left. */
const LAYERS = 10;
const SIZE = 11;
const NAME_LEAST = 10;

/** Places with layers and memory by node; what is ruled out and why; what would help. No line is wider than `width`. */
export function formatPreview(
  {
    model_id: model,
    context_length: context,
    candidates,
    gives_way: givesWay,
    update,
    refusals,
    changes,
    error,
    reason,
  }: CandidatesAnswer,
  { width, style }: { readonly width: number; readonly style: Style },
): string {
  const lines: string[] = [];
  const tell = (text: string, indent = ''): void => {
    lines.push(...wrap(printable(text), { width, indent }));
  };
  const count = candidates.length === 1 ? '1 place' : `${candidates.length} places`;
  tell(`${model} with a context of ${context} tokens: ${candidates.length === 0 ? 'no place' : count}`);
  if (error !== null) tell(`${reason ?? ''}: ${error}`, INDENT);

  if (update !== null) tell(updateText(update));

  candidates.forEach(({ instance, prediction }, at) => {
    lines.push('');
    lines.push(
      ...wrap(printable(headline(instance, prediction, at + 1)), { width, indent: '' }).map(style.bold),
    );
    lines.push(...table(prediction, width, style));
  });

  if (givesWay.length > 0) {
    lines.push('', style.bold('Once memory was short for a while, gives way'));
    for (const each of givesWay) tell(givesWayText(each), INDENT);
  }
  const told = refusals.filter(({ message }) => message !== error);
  if (told.length > 0) {
    lines.push('', style.bold('Ruled out'));
    for (const refusal of told) tell(refusalText(refusal), INDENT);
  }
  if (changes.length > 0) {
    lines.push('', style.bold('Any of these would help'));
    for (const change of changes) tell(change, INDENT);
  }
  if (update !== null && update.surge_needs.length > 0) {
    lines.push('', style.bold('To serve on meanwhile, any of these would help'));
    for (const change of update.surge_needs) tell(change, INDENT);
  }
  return `${lines.join('\n')}\n`;
}

function updateText({ meta_instance_id: id, way }: UpdateView): string {
  switch (way) {
    case 'Stays':
      return `Of ${id} nothing is started anew: what runs stays.`;
    case 'Surge':
      return `${id} serves on until its replacement is ready.`;
    case 'StopThenStart':
      return `${id} stops first: its replacement has no room beside it, or it does not serve now.`;
    case 'NoPlace':
      return `${id} goes on as it is.`;
    default:
      return unreachable(way);
  }
}

function givesWayText({
  instance_id: id,
  meta_instance_id: owner,
  model_id,
  priority,
  nodes,
}: GivesWay): string {
  return `${owner ?? id} (${model_id}, priority ${priority}) on ${nodes.join(', ')}`;
}

function headline(
  instance: CandidatesAnswer['candidates'][number]['instance'],
  { tokens_per_second: speed, measured, ready_seconds: ready, nodes }: Prediction,
  number: number,
): string {
  const ring = 'MlxRingInstance' in instance;
  const fields = ring ? instance.MlxRingInstance : instance.MlxJacclInstance;
  const shards = Object.values(fields.shardAssignments.runnerToShard);
  const tensor = shards.some((shard) => 'TensorShardMetadata' in shard);
  const kind = `${tensor ? 'Tensor' : 'Pipeline'}, ${ring ? 'MlxRing' : 'MlxJaccl'}`;
  const places = nodes.length === 1 ? '1 node' : `${nodes.length} nodes`;
  // The figure of nodes that nobody measured only compares places: people would take it for a promise.
  const rate = measured ? `${speedText(speed)} tok/s` : 'speed not measured';
  return `${number}. ${places}, ${kind}, ${rate}, ready in ${durationText(ready)}`;
}

function table({ nodes }: Prediction, width: number, style: Style): string[] {
  const room = width - INDENT.length - LAYERS - 3 * SIZE;
  const longest = Math.max(...nodes.map(({ name }) => name.length), 'NODE'.length) + 2;
  const nameWidth = Math.max(Math.min(longest, room), NAME_LEAST);
  const row = (name: string, layers: string, sizes: readonly string[]): string =>
    `${INDENT}${fit(name, nameWidth - 1)} ${fit(layers, LAYERS - 1)} ${sizes.map((size) => size.padEnd(SIZE)).join('')}`
      .slice(0, width)
      .trimEnd();
  return [
    style.dim(row('NODE', 'LAYERS', ['TAKES', 'FREE', 'THEN FREE'])),
    ...nodes.map((node) =>
      row(
        printable(node.name),
        `${node.start_layer}-${node.end_layer - 1}`,
        [node.shard_bytes, node.free_bytes, node.free_bytes_after].map(formatBytes),
      ),
    ),
  ];
}

function refusalText({ reason, message, node_counts: counts }: PlacementRefusal): string {
  if (counts === null) return `${reason}: ${message}`;
  const [least = 0] = counts;
  const most = counts[counts.length - 1] ?? least;
  const through = most - least + 1 === counts.length;
  const range = through ? (least === most ? `${least}` : `${least} to ${most}`) : counts.join(', ');
  return `${range} ${most === 1 ? 'node' : 'nodes'}: ${reason}: ${message}`;
}

const speedText = (speed: number): string =>
  speed >= 100 ? String(Math.round(speed)) : speed.toPrecision(2);

function durationText(seconds: number): string {
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 3_600)} h`;
}
