import type { RunnerReport } from './contract/runner.ts';
import type { MetaInstanceId, TaskId } from './id.ts';
import { phaseOf, type Phase } from './phase.ts';
import type { ClusterState } from './state.ts';
import type { TaskTelemetry } from './telemetry.ts';
import { SECOND } from './unit.ts';

/** How far one task is; times are monotonic ms of its client's node. */
export interface TaskProgress {
  readonly taskId: TaskId;
  /** Of the request itself, also when more is taken in because the answer goes on. */
  readonly promptTokens: number | null;
  readonly processedTokens: number;
  /** What is being taken in now. */
  readonly prefillTokens: number;
  readonly tokens: number;
  /** When the first tokens of this stretch came, and how many there were by then; null = none yet. */
  readonly first: { readonly at: number; readonly tokens: number } | null;
  readonly lastAt: number;
  readonly paused: boolean;
}

export const newProgress = (taskId: TaskId): TaskProgress => ({
  taskId,
  promptTokens: null,
  processedTokens: 0,
  prefillTokens: 0,
  tokens: 0,
  first: null,
  lastAt: 0,
  paused: false,
});

/** [T1] */
export function advance(
  progress: TaskProgress,
  event: Extract<RunnerReport, { type: 'Prefill' | 'Chunk' }>,
  now: number,
): TaskProgress {
  if (event.type === 'Prefill') {
    const { processed: processedTokens, total } = event;
    const promptTokens = progress.promptTokens ?? total;
    return { ...progress, processedTokens, promptTokens, prefillTokens: total, paused: false };
  }
  const tokens = progress.tokens + event.tokens;
  const first = progress.first ?? { at: now, tokens };
  // The engine says nothing more of the prompt once it answers.
  const processedTokens = progress.prefillTokens;
  return { ...progress, tokens, first, lastAt: now, processedTokens };
}

/** The runner was lost; the speed is measured anew once it goes on. */
export const pause = (progress: TaskProgress): TaskProgress => ({ ...progress, first: null, paused: true });

export function taskTelemetryOf(
  progress: TaskProgress,
  about: Pick<TaskTelemetry, 'metaInstanceId' | 'nodeId' | 'startedAt'>,
): TaskTelemetry {
  const { taskId, promptTokens, processedTokens, tokens, first, lastAt, paused } = progress;
  const since = first === null ? 0 : lastAt - first.at;
  const counted = first === null ? 0 : tokens - first.tokens;
  return {
    taskId,
    ...about,
    promptTokens: promptTokens ?? 0,
    processedTokens: Math.min(processedTokens, promptTokens ?? 0),
    tokens,
    tokensPerSecond: counted > 0 && since > 0 ? Number(((counted * SECOND) / since).toPrecision(3)) : null,
    paused,
  };
}

/** Interruptions that one answer outlives at most. */
export const MOST_LOSSES = 4;

/** What an answer that may be resumed has been through. */
export interface Interruptions {
  readonly metaInstanceId: MetaInstanceId | null;
  /** Tokens of the answer at each loss of its runner so far, the newest last. */
  readonly losses: readonly number[];
}

/** Phases that only a person ends. */
const staysDown: ReadonlySet<Phase> = new Set(['FAILED', 'PAUSED', 'DELETING']);

/**
 * Why an answer can not go on after its runner was lost, as the rest of a sentence that begins with "it"; undefined = it
 * can, once its model is Ready again [T2].
 */
export function whyNotResumed(
  state: ClusterState,
  { metaInstanceId, losses }: Interruptions,
): string | undefined {
  if (metaInstanceId === null) return 'was placed by itself and is not started again';
  const metaInstance = state.metaInstances[metaInstanceId];
  if (metaInstance === undefined) return 'is gone';
  const phase = phaseOf(state, metaInstance);
  if (staysDown.has(phase)) return `is ${phase}`;
  if (losses.length > MOST_LOSSES) return `was lost ${losses.length} times during this answer`;
  const [before, last] = losses.slice(-2);
  return last !== undefined && before === last
    ? 'was lost twice at the same place of this answer'
    : undefined;
}
