import type { GenerationRequest, GroupInvitation, RunnerSetup } from '../../main/core/contract/runner.ts';
import type { RunnerId, TaskId } from '../../main/core/id.ts';
import type { Log } from '../../main/node/log.ts';

export const runnerId = 'chat.g1.p0.i0.r0' as RunnerId;
export const taskId = (name: string): TaskId => name as TaskId;

export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} };

export function runnerSetup(changes: Partial<RunnerSetup> = {}): RunnerSetup {
  return {
    runnerId,
    modelPath: '/models/tiny.gguf',
    rank: 0,
    worldSize: 1,
    firstLayer: 0,
    lastLayer: 4,
    contextTokens: 256,
    maxTasks: 4,
    maxQueued: 4,
    prefillChunk: 64,
    kvBytes: 1 << 28,
    ...changes,
  };
}

/** Of the first of two ranks. */
export const rankSetup = (changes: Partial<RunnerSetup> = {}): RunnerSetup =>
  runnerSetup({
    worldSize: 2,
    lastLayer: 2,
    group: { sharding: 'Pipeline', listenAt: '127.0.0.1' },
    ...changes,
  });

export const invitation: GroupInvitation = {
  addresses: ['127.0.0.1:4711', '127.0.0.1:4712'],
  names: ['ada', 'bob'],
  secret: '00'.repeat(16),
  joinMs: 1_000,
  silenceMs: 500,
};

export function generation(changes: Partial<GenerationRequest> = {}): GenerationRequest {
  return {
    messages: [{ role: 'user', content: 'Hello' }],
    sampling: {
      temperature: 0,
      topP: 1,
      topK: 0,
      minP: 0,
      repetitionPenalty: 1,
      presencePenalty: 0,
      frequencyPenalty: 0,
      penaltyWindow: 64,
      seed: 1,
    },
    maxTokens: 16,
    stop: [],
    topLogprobs: null,
    ...changes,
  };
}
