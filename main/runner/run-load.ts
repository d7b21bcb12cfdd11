import type { GenerateOptions, LoadedModel } from '../../native/addon.d.ts';
import type { RunnerSetup } from '../core/contract/runner.ts';
import type { RunnerFailure, RunnerPhase } from '../core/instance.ts';

/** Long enough for the matrix kernels that prompts use (MLX changes to them at 32 rows), short enough for a CPU. */
const PREFILL_TOKENS = 64;
const SHORT_TOKENS = 2;
const GENERATED_TOKENS = 2;
const MAX_MESSAGE = 4096;

/** Two prompts of made-up tokens: one for the kernels of single tokens, one for those of prompts. */
export function warmUpPrompts(model: LoadedModel, setup: RunnerSetup): readonly GenerateOptions[] {
  const room = model.contextTokens - GENERATED_TOKENS;
  const long = Math.min(PREFILL_TOKENS, setup.prefillChunk, room);
  return [Math.min(SHORT_TOKENS, room), long]
    .filter((length) => length > 0)
    .map((length) => ({
      prompt: Int32Array.from({ length }, (_, index) => index % model.vocabularySize),
      maxTokens: GENERATED_TOKENS,
      endTokens: new Int32Array(0),
      sampling: {
        temperature: 0,
        topP: 1,
        topK: 0,
        minP: 0,
        repetitionPenalty: 1,
        presencePenalty: 0,
        frequencyPenalty: 0,
        penaltyWindow: 0,
        seed: 0n,
      },
      topLogprobs: -1,
    }));
}

/** What the engine or the tokenizer threw, as the reason of a failed runner. */
export function failureOf(error: unknown, phase: RunnerPhase): RunnerFailure {
  const message = (error instanceof Error ? error.message : String(error)).slice(0, MAX_MESSAGE);
  return { reason: reasonOf(error), phase, message };
}

function reasonOf(error: unknown): RunnerFailure['reason'] {
  const { code, name } = error as { readonly code?: unknown; readonly name?: unknown };
  switch (code) {
    case 'BadModel':
    case 'UnsupportedTensorType':
    case 'UnsupportedArchitecture':
      return 'ModelRejected';
    case 'OutOfMemory':
      return 'OutOfMemory';
    case 'GroupLost':
      return 'GroupLost';
    default:
      return name === 'BadTokenizer' ? 'ModelRejected' : 'EngineFailed';
  }
}
