import { MOST_PART_BYTES, type Attempt } from './contract/side-channel.ts';
import type { RdmaEnvironment } from './contract/runner.ts';
import type { InstanceId } from './id.ts';
import type { Instance } from './instance.ts';
import { unreachable } from './result.ts';

/** How long the ranks of an attempt may take, in ms. */
export interface GatherTimings {
  /** From the beginning until each rank has given its first part. */
  readonly joinMs: number;
  /** Any later round, from its first part to its last. */
  readonly roundMs: number;
}

/** One attempt whose ranks meet at this node: the round that is being gathered. */
export interface Meeting {
  readonly attempt: Attempt;
  /** For people, by rank: `rank 1 on desk`. */
  readonly ranks: readonly string[];
  readonly sequence: number;
  /** When it must be complete; null = nobody has begun it. */
  readonly dueAt: number | null;
  /** By rank; null = it did not give any. */
  readonly parts: readonly (Uint8Array | null)[];
  /** Ranks that need no more rounds. */
  readonly left: ReadonlySet<number>;
}

/** At most one per Instance. */
export type Meetings = ReadonlyMap<InstanceId, Meeting>;

export type GatherInput =
  /** The attempt's rank 0 is on this node and begins. */
  | { readonly type: 'Begin'; readonly attempt: Attempt; readonly ranks: readonly string[] }
  | {
      readonly type: 'Part';
      readonly attempt: Attempt;
      readonly rank: number;
      readonly sequence: number;
      readonly bytes: Uint8Array;
    }
  /** A rank that needs no more rounds. */
  | { readonly type: 'Leave'; readonly attempt: Attempt; readonly rank: number }
  /** A rank, its node or the connection to it is gone. */
  | { readonly type: 'Lost'; readonly attempt: Attempt; readonly rank: number; readonly why: string }
  /** Time has passed. */
  | { readonly type: 'Tick' };

/** To every rank of the attempt. */
export type GatherOutput =
  | {
      readonly type: 'Gathered';
      readonly attempt: Attempt;
      readonly sequence: number;
      /** By rank. */
      readonly parts: readonly Uint8Array[];
    }
  /** Nothing of it is kept. */
  | { readonly type: 'Over'; readonly attempt: Attempt; readonly why: string };

export interface Gathered {
  readonly meetings: Meetings;
  /** In order. */
  readonly outputs: readonly GatherOutput[];
}

/**
 * The gathering of all attempts whose rank 0 is on one node [J1–J5].
 * @param now monotonic ms
 */
export function gather(
  meetings: Meetings,
  input: GatherInput,
  { now, timings }: { readonly now: number; readonly timings: GatherTimings },
): Gathered {
  switch (input.type) {
    case 'Begin':
      return begin(meetings, input, now + timings.joinMs);
    case 'Part': {
      const meeting = meetingOf(meetings, input.attempt);
      return meeting === undefined ? same(meetings) : take(meetings, meeting, input, now + timings.roundMs);
    }
    case 'Leave': {
      const meeting = meetingOf(meetings, input.attempt);
      return meeting === undefined ? same(meetings) : leave(meetings, meeting, input.rank);
    }
    case 'Lost': {
      const meeting = meetingOf(meetings, input.attempt);
      if (meeting === undefined) return same(meetings);
      return end(meetings, meeting, `${nameOf(meeting, input.rank)} is lost: ${input.why}`);
    }
    case 'Tick':
      return tick(meetings, now);
    default:
      return unreachable(input);
  }
}

/** The attempt that meets here, if it is this one. */
export function meetingOf(meetings: Meetings, attempt: Attempt): Meeting | undefined {
  const meeting = meetings.get(attempt.instanceId);
  return meeting !== undefined && isSame(meeting.attempt, attempt) ? meeting : undefined;
}

/** When the next round is overdue; undefined = none is being gathered. */
export function nextDueAt(meetings: Meetings): number | undefined {
  const due = [...meetings.values()].flatMap(({ dueAt }) => dueAt ?? []);
  return due.length === 0 ? undefined : Math.min(...due);
}

export function attemptOf({ instanceId, placedIn, incarnation }: Instance): Attempt {
  return { instanceId, ...(placedIn !== undefined && { placedIn }), incarnation };
}

/**
 * What MLX's RDMA back end is told besides the side channel: a file with the devices, and its environment [J7].
 * @param init.devicesPath where the file is going to be
 */
export function rdmaSetup(
  devices: readonly (readonly (string | null)[])[],
  { rank, devicesPath }: { readonly rank: number; readonly devicesPath: string },
): { readonly file: string; readonly environment: RdmaEnvironment } {
  const isMesh = devices.every((row, from) => row.every((device, to) => from === to || device !== null));
  return {
    file: `${JSON.stringify(devices)}\n`,
    environment: {
      MLX_RANK: String(rank),
      MLX_IBV_DEVICES: devicesPath,
      MLX_JACCL_RING: isMesh ? null : '1',
    },
  };
}

const same = (meetings: Meetings): Gathered => ({ meetings, outputs: [] });

const isSame = (one: Attempt, other: Attempt): boolean =>
  one.incarnation === other.incarnation && one.placedIn === other.placedIn;

const nameOf = ({ ranks }: Meeting, rank: number): string => ranks[rank] ?? `rank ${rank}`;

function put(meetings: Meetings, meeting: Meeting): Meetings {
  return new Map(meetings).set(meeting.attempt.instanceId, meeting);
}

function end(meetings: Meetings, { attempt }: Meeting, why: string): Gathered {
  const others = new Map(meetings);
  others.delete(attempt.instanceId);
  return { meetings: others, outputs: [{ type: 'Over', attempt, why }] };
}

function begin(
  meetings: Meetings,
  { attempt, ranks }: Extract<GatherInput, { type: 'Begin' }>,
  dueAt: number,
): Gathered {
  if (meetingOf(meetings, attempt) !== undefined) return same(meetings);
  const earlier = meetings.get(attempt.instanceId);
  const ended = earlier === undefined ? same(meetings) : end(meetings, earlier, 'the next attempt has begun');
  const parts = ranks.map(() => null);
  const meeting: Meeting = { attempt, ranks, sequence: 1, dueAt, parts, left: new Set() };
  return { meetings: put(ended.meetings, meeting), outputs: ended.outputs };
}

function take(
  meetings: Meetings,
  meeting: Meeting,
  { rank, sequence, bytes }: Extract<GatherInput, { type: 'Part' }>,
  dueAt: number,
): Gathered {
  const isLate = sequence < meeting.sequence;
  const isTwice = sequence === meeting.sequence && meeting.parts[rank] !== null;
  if (rank in meeting.parts && (isLate || isTwice)) return same(meetings);
  const wrong = wrongWith(meeting, rank, sequence, bytes);
  if (wrong !== undefined) return end(meetings, meeting, wrong);
  const parts = meeting.parts.with(rank, bytes);
  const { attempt } = meeting;
  if (!parts.every((part) => part !== null)) {
    return same(put(meetings, { ...meeting, parts, dueAt: meeting.dueAt ?? dueAt }));
  }
  const next: Meeting = {
    ...meeting,
    sequence: sequence + 1,
    dueAt: null,
    parts: parts.map(() => null),
  };
  return { meetings: put(meetings, next), outputs: [{ type: 'Gathered', attempt, sequence, parts }] };
}

/** Undefined = it belongs to this round. */
function wrongWith(
  meeting: Meeting,
  rank: number,
  sequence: number,
  { length }: Uint8Array,
): string | undefined {
  const name = nameOf(meeting, rank);
  if (!(rank in meeting.parts)) return `${name} is none of the ${meeting.parts.length} ranks`;
  if (sequence > meeting.sequence) {
    return `${name} gave to round ${sequence} of the side channel while round ${meeting.sequence} was gathered`;
  }
  if (length === 0 || length > MOST_PART_BYTES) {
    return `${name} gave ${length} bytes to the side channel, where 1 to ${MOST_PART_BYTES} are allowed`;
  }
  const other = meeting.parts.findIndex((part) => part !== null && part.length !== length);
  if (other !== -1) {
    const expected = meeting.parts[other]?.length ?? 0;
    return `${name} gave ${length} bytes to round ${sequence} of the side channel, ${nameOf(meeting, other)} ${expected}`;
  }
  const [gone] = [...meeting.left];
  return gone === undefined ? undefined : goneWords(meeting, gone);
}

const goneWords = (meeting: Meeting, rank: number): string =>
  `${nameOf(meeting, rank)} left the side channel before round ${meeting.sequence}`;

function leave(meetings: Meetings, meeting: Meeting, rank: number): Gathered {
  if (!(rank in meeting.parts)) return same(meetings);
  // Before anyone has what this round brings, nobody can be done with it.
  const within = meeting.sequence === 1 || meeting.parts.some((part) => part !== null);
  if (within) return end(meetings, meeting, goneWords(meeting, rank));
  const left = new Set(meeting.left).add(rank);
  if (left.size < meeting.parts.length) return same(put(meetings, { ...meeting, left }));
  const others = new Map(meetings);
  others.delete(meeting.attempt.instanceId);
  return same(others);
}

function tick(meetings: Meetings, now: number): Gathered {
  const outputs: GatherOutput[] = [];
  let left = meetings;
  for (const meeting of meetings.values()) {
    if (meeting.dueAt === null || now < meeting.dueAt) continue;
    const missing = meeting.parts.flatMap((part, rank) => (part === null ? [nameOf(meeting, rank)] : []));
    const why = `${missing.join(' and ')} did not take part in round ${meeting.sequence} of the side channel in time`;
    const ended = end(left, meeting, why);
    left = ended.meetings;
    outputs.push(...ended.outputs);
  }
  return { meetings: left, outputs };
}
