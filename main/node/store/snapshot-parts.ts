import type { ClusterState } from '../../core/state.ts';

/** About how long a part is; one that is written between two turns of the event loop blocks it only shortly. */
const PART_LENGTH = 256 * 1024;

/** The state's JSON in parts, made one by one. The state may be large, none of its objects is. */
export function* snapshotParts(state: ClusterState): Generator<string> {
  let part = '';
  for (const piece of pieces(state)) {
    part += piece;
    if (part.length < PART_LENGTH) continue;
    yield part;
    part = '';
  }
  if (part !== '') yield part;
}

function* pieces(state: ClusterState): Generator<string> {
  yield '{';
  let comma = '';
  for (const [name, value] of Object.entries<unknown>(state)) {
    if (value === undefined) continue;
    yield `${comma}${JSON.stringify(name)}:`;
    comma = ',';
    if (isRecord(value)) yield* members(value);
    else yield JSON.stringify(value);
  }
  yield '}';
}

const isRecord = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function* members(record: object): Generator<string> {
  yield '{';
  let comma = '';
  for (const [name, value] of Object.entries<unknown>(record as Record<string, unknown>)) {
    if (value === undefined) continue;
    yield `${comma}${JSON.stringify(name)}:${JSON.stringify(value)}`;
    comma = ',';
  }
  yield '}';
}
