import type { GenerateOptions, StepOutput } from '../../native/addon.d.ts';
import type { GenerationRequest, RunnerReport, SamplingRequest } from '../core/contract/runner.ts';
import type { TaskId } from '../core/id.ts';
import type { TaskEnd } from '../core/task.ts';
import { unreachable } from '../core/result.ts';
import type { Engine } from './engine.ts';
import { Answer } from './generate-answer.ts';
import type { TextModel } from './generate-text.ts';
import type { RunnerPort } from './port.ts';

export interface GenerationsComponents {
  readonly engine: Engine;
  readonly text: TextModel;
  readonly port: RunnerPort;
  /** Monotonic microseconds. */
  readonly nowUs: () => number;
  /** What a client is told of an engine's failure; absent = its own words. */
  readonly explain?: (error: string) => string;
}

interface Generation {
  readonly taskId: TaskId;
  readonly engineTask: number;
  readonly answer: Answer;
  readonly promptTokens: number;
  /** The prompt and, of an answer that goes on, its tokens so far. */
  readonly prefillTokens: number;
  readonly withDetails: boolean;
  readonly withIds: boolean;
  sampledAtUs: number;
  /** Tokens that the engine began behind. */
  cachedTokens: number;
}

type RefusalCode = Extract<RunnerReport, { type: 'TaskRefused' }>['code'];

/** The tasks of a runner that is Ready: requests become engine tasks, steps become reports. */
export class Generations {
  readonly #components: GenerationsComponents;
  readonly #contextTokens: number;
  readonly #byTask = new Map<TaskId, Generation>();
  readonly #byEngineTask = new Map<number, Generation>();

  /** @param contextTokens longest prompt and answer together */
  constructor(components: GenerationsComponents, contextTokens: number) {
    this.#components = components;
    this.#contextTokens = contextTokens;
  }

  /** Reports `TaskRefused` when the task can't be taken. A task that is running already: no effect. */
  start(taskId: TaskId, request: GenerationRequest): void {
    if (this.#byTask.has(taskId)) return;
    const { engine, text } = this.#components;
    try {
      const answer = new Answer(text, request.stop);
      const { tokens: before = [], said = 0 } = request.resumable ?? {};
      const chat = text.encodeChat(request.messages, this.#contextTokens - 1);
      const prompt = before.length === 0 ? chat : Int32Array.from([...chat, ...before]);
      const room = this.#contextTokens - prompt.length;
      const maxTokens = Math.min((request.maxTokens ?? Infinity) - before.length, room);
      const isStopped = answer.replay(before, said);
      if (isStopped || (before.length > 0 && maxTokens < 1)) {
        this.#endReplayed(taskId, answer, chat.length, isStopped);
        return;
      }
      const engineTask = engine.submit({
        prompt,
        maxTokens,
        endTokens: text.endTokens,
        sampling: engineSampling(request.sampling),
        topLogprobs: request.topLogprobs ?? -1,
      });
      const generation: Generation = {
        taskId,
        engineTask,
        answer,
        promptTokens: chat.length,
        prefillTokens: prompt.length,
        withDetails: request.topLogprobs !== null,
        withIds: request.resumable !== undefined,
        sampledAtUs: 0,
        cachedTokens: 0,
      };
      this.#byTask.set(taskId, generation);
      this.#byEngineTask.set(engineTask, generation);
      // The word that it was taken: a task in the queue says nothing more for a while.
      this.#components.port.send({ type: 'Prefill', taskId, processed: 0, total: prompt.length });
    } catch (error) {
      this.#refuse(taskId, refusalCode(error), error instanceof Error ? error.message : String(error));
    }
  }

  /** Its runner was lost after the last token and before its end was told. */
  #endReplayed(taskId: TaskId, answer: Answer, promptTokens: number, isStopped: boolean): void {
    if (!isStopped) answer.end();
    const { port } = this.#components;
    const piece = answer.take();
    port.send({ type: 'Prefill', taskId, processed: promptTokens, total: promptTokens });
    if (piece !== undefined)
      port.send({ type: 'Chunk', taskId, text: piece.text, tokens: 0, ids: [], sampledAtUs: 0 });
    const usage = { promptTokens, completionTokens: answer.tokens };
    port.send({ type: 'TaskEnded', taskId, end: { type: isStopped ? 'Stop' : 'Length' }, usage });
  }

  /** The task ends `Cancelled` when the engine has let go of it. */
  cancel(taskId: TaskId): void {
    const generation = this.#byTask.get(taskId);
    if (generation !== undefined) this.#components.engine.cancel(generation.engineTask);
  }

  /** Ends every task now; the engine is about to close. */
  endAll(end: TaskEnd): void {
    for (const generation of [...this.#byTask.values()]) this.#end(generation, end);
  }

  /** One engine step. Outputs of tasks that have ended here are dropped. */
  onSteps(batch: readonly StepOutput[]): void {
    const sampledAtUs = this.#components.nowUs();
    for (const output of batch) {
      const generation = this.#byEngineTask.get(output.task);
      if (generation !== undefined) this.#onStep(generation, output, sampledAtUs);
    }
  }

  /** The node reads again: what was held back meanwhile goes out, joined. */
  onDrained(): void {
    for (const generation of this.#byTask.values()) {
      if (this.#components.port.congested) return;
      this.#sendPieces(generation);
    }
  }

  #onStep(generation: Generation, output: StepOutput, sampledAtUs: number): void {
    const { engine, port } = this.#components;
    generation.sampledAtUs = sampledAtUs;
    generation.cachedTokens = output.cached ?? generation.cachedTokens;
    const { token, finish } = output;
    if (token !== undefined && generation.answer.push(token, output)) {
      engine.cancel(generation.engineTask);
      this.#end(generation, { type: 'Stop' });
      return;
    }
    if (finish !== undefined) {
      this.#end(generation, this.#endOf(finish, output.error));
    } else if (!port.congested) {
      if (token !== undefined) this.#sendPieces(generation);
      else if (output.prefilled !== undefined) {
        const { taskId, prefillTokens: total } = generation;
        port.send({ type: 'Prefill', taskId, processed: output.prefilled, total });
      }
    }
  }

  #sendPieces(generation: Generation): void {
    const { taskId, answer, sampledAtUs, withDetails, withIds } = generation;
    for (let piece = answer.take(); piece !== undefined; piece = answer.take()) {
      const { text, tokens, details, ids } = piece;
      this.#components.port.send({
        type: 'Chunk',
        taskId,
        text,
        tokens,
        sampledAtUs,
        ...(withDetails ? { details: [...details] } : {}),
        ...(withIds ? { ids: [...ids] } : {}),
      });
    }
  }

  #end(generation: Generation, end: TaskEnd): void {
    const { taskId, engineTask, answer, promptTokens } = generation;
    // An answer that goes on may reuse of itself what is not the prompt.
    const cachedTokens = Math.min(generation.cachedTokens, promptTokens);
    const stopped = end.type === 'Length' || end.type === 'Stop' ? answer.end() : false;
    this.#byTask.delete(taskId);
    this.#byEngineTask.delete(engineTask);
    this.#sendPieces(generation);
    this.#components.port.send({
      type: 'TaskEnded',
      taskId,
      end: stopped ? { type: 'Stop' } : end,
      usage: {
        promptTokens,
        completionTokens: answer.tokens,
        ...(cachedTokens === 0 ? {} : { cachedTokens }),
      },
    });
  }

  #endOf(finish: NonNullable<StepOutput['finish']>, error = 'The engine gave no reason.'): TaskEnd {
    switch (finish) {
      case 'stop':
        return { type: 'Stop' };
      case 'length':
        return { type: 'Length' };
      case 'cancelled':
        return { type: 'Cancelled' };
      case 'failed':
        return { type: 'Failed', message: (this.#components.explain?.(error) ?? error).slice(0, 8192) };
      default:
        return unreachable(finish);
    }
  }

  #refuse(taskId: TaskId, code: RefusalCode, message: string): void {
    this.#components.port.send({ type: 'TaskRefused', taskId, code, message });
  }
}

/** Runs one engine task to its end, apart from the others. Outputs must be passed to `onSteps`. */
export class WarmUp {
  readonly #engine: Engine;
  readonly #waiting = new Map<number, PromiseWithResolvers<void>>();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** @throws what the engine said when the task failed */
  async run(options: GenerateOptions): Promise<void> {
    const done = Promise.withResolvers<void>();
    this.#waiting.set(this.#engine.submit(options), done);
    await done.promise;
  }

  onSteps(batch: readonly StepOutput[]): void {
    for (const { task, finish, error } of batch) {
      const done = finish === undefined ? undefined : this.#waiting.get(task);
      if (done === undefined) continue;
      this.#waiting.delete(task);
      if (finish === 'failed') done.reject(new Error(error ?? 'the engine gave no reason'));
      else done.resolve();
    }
  }
}

function engineSampling(request: SamplingRequest): GenerateOptions['sampling'] {
  return { ...request, seed: BigInt(request.seed) };
}

/** What the engine and the text side throw, as the wire's words. */
function refusalCode(error: unknown): RefusalCode {
  const { code, name } = error as { readonly code?: unknown; readonly name?: unknown };
  if (code === 'QueueFull') return 'QueueFull';
  if (code === 'PromptTooLong' || name === 'TextTooLong') return 'PromptTooLong';
  if (code === 'NotLoaded' || code === 'Closed') return 'NotReady';
  return 'BadRequest';
}
