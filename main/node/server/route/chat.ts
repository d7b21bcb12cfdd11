import type { ServerResponse } from 'node:http';
import { ChatAnswer, ChatBody, ChatChunk, type FinishReason } from '../../../core/contract/rest-chat.ts';
import type { TokenDetail } from '../../../core/contract/runner.ts';
import { unreachable } from '../../../core/result.ts';
import type { TaskEnd, TokenUsage } from '../../../core/task.ts';
import { SECOND } from '../../../core/unit.ts';
import type { ClientEvent, TaskRefusal, TaskStream } from '../../api.ts';
import { ClientLeft } from '../body.ts';
import { ChatLines, chatAnswer, type ChatHead } from '../chat-answer.ts';
import { generationFor } from '../chat-request.ts';
import { HttpError, streamError } from '../http-error.ts';
import { answered, okAnswer, route, type Answer, type Route, type ServerComponents } from '../route.ts';
import { SseStream } from '../sse.ts';

export const chatRoutes: readonly Route[] = [
  route({
    method: 'post',
    path: '/v1/chat/completions',
    summary:
      'OpenAI chat completions. `model` is a model id or a MetaInstance id. ' +
      'A client that leaves cancels its generation. With `"skein": {"resume": true}` an answer whose runner is lost goes ' +
      'on from where it was once the model is ready again; meanwhile a stream tells so in comments. With the header `Skein-Trace: tokens` a stream also tells, ' +
      'as comments, the monotonic microseconds at which the engine handed over each chunk.',
    body: ChatBody,
    answers: {
      200: {
        description: 'The answer, or with `"stream": true` its chunks, ended by `data: [DONE]`.',
        schema: ChatAnswer,
        stream: ChatChunk,
      },
    },
    handle: async ({ body, incoming, outgoing }, components) => {
      const task = await startTask(components, body, outgoing);
      const head: ChatHead = {
        id: `chatcmpl-${task.taskId}`,
        created: Math.floor(components.clock.now() / SECOND),
        model: body.model,
      };
      if (body.stream !== true)
        return collect(components, { task, head, outgoing, logprobs: body.logprobs === true });
      await stream(components, {
        task,
        outgoing,
        lines: new ChatLines(head, body.stream_options?.include_usage === true),
        traced: incoming.headers['skein-trace'] === 'tokens',
      });
      return answered;
    },
  }),
];

async function startTask(
  { api, random }: ServerComponents,
  body: ChatBody,
  outgoing: ServerResponse,
): Promise<TaskStream> {
  const resume = body.skein?.resume === true;
  const started = await api.startTask(body.model, generationFor(body, random), { resume });
  if (!started.ok) throw refusal(body.model, started.error);
  if (outgoing.destroyed) {
    started.value.cancel();
    throw new ClientLeft('the client left before its task began');
  }
  return started.value;
}

/** How a task came to an end, whatever way: what its client is told. */
type Outcome =
  | { readonly type: 'Finished'; readonly reason: FinishReason; readonly usage: TokenUsage }
  | { readonly type: 'Broken'; readonly error: HttpError };

/** Hands each event to `onEvent` until the task ends. Never throws: a stream that breaks is an outcome. */
async function follow(
  task: TaskStream,
  { log }: ServerComponents,
  onEvent: (event: Extract<ClientEvent, { type: 'Prefill' | 'Chunk' | 'TaskPaused' }>) => void,
): Promise<Outcome> {
  try {
    for await (const event of task) {
      switch (event.type) {
        case 'Prefill':
        case 'Chunk':
        case 'TaskPaused':
          onEvent(event);
          break;
        case 'TaskEnded':
          return outcomeOf(event.end, event.usage);
        case 'TaskRefused':
          return { type: 'Broken', error: refusal('', event) };
        default:
          return unreachable(event);
      }
    }
    return broken('The generation ended without a result: its runner is gone.');
  } catch (error) {
    log.error('a generation failed inside', { taskId: task.taskId, error });
    return broken(
      `The generation failed inside Skein: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

function outcomeOf(end: TaskEnd, usage: TokenUsage): Outcome {
  switch (end.type) {
    case 'Stop':
      return { type: 'Finished', reason: 'stop', usage };
    case 'Length':
      return { type: 'Finished', reason: 'length', usage };
    case 'Cancelled':
      return broken(
        'The generation was cancelled: someone asked for it, its MetaInstance was deleted or the node is stopping.',
        503,
      );
    case 'Failed':
      return broken(`The generation failed: ${end.message}`);
    default:
      return unreachable(end);
  }
}

function broken(message: string, status = 500): Outcome {
  return { type: 'Broken', error: new HttpError(status, message) };
}

async function collect(
  components: ServerComponents,
  {
    task,
    head,
    outgoing,
    logprobs,
  }: {
    readonly task: TaskStream;
    readonly head: ChatHead;
    readonly outgoing: ServerResponse;
    readonly logprobs: boolean;
  },
): Promise<Answer> {
  const texts: string[] = [];
  const details: TokenDetail[] = [];
  const onClose = (): void => task.cancel();
  outgoing.once('close', onClose);
  const forget = components.onStop(onClose);
  const outcome = await follow(task, components, (event) => {
    if (event.type !== 'Chunk') return;
    texts.push(event.text);
    if (event.details !== undefined) details.push(...event.details);
  });
  forget();
  outgoing.off('close', onClose);
  if (outgoing.destroyed) throw new ClientLeft('the client left before its answer was complete');
  if (outcome.type === 'Broken') throw outcome.error;
  return okAnswer(
    chatAnswer(head, {
      content: texts.join(''),
      finish: outcome.reason,
      usage: outcome.usage,
      logprobs: logprobs ? details : null,
    }),
  );
}

async function stream(
  components: ServerComponents,
  {
    task,
    outgoing,
    lines,
    traced,
  }: {
    readonly task: TaskStream;
    readonly outgoing: ServerResponse;
    readonly lines: ChatLines;
    readonly traced: boolean;
  },
): Promise<void> {
  const { clock, limits, log, onStop } = components;
  const sse = new SseStream(
    { outgoing, clock },
    {
      limits,
      onEnd: (reason) => {
        log.debug('a chat client is gone: its generation is cancelled', { taskId: task.taskId, reason });
        task.cancel();
      },
    },
  );
  const forget = onStop(() => {
    task.cancel();
    sse.fail(streamError('The node is stopping.'));
  });
  const outcome = await follow(task, components, (event) => {
    if (event.type === 'Prefill') {
      sse.comment(`prefill_progress {"processed_tokens":${event.processed},"total_tokens":${event.total}}`);
      return;
    }
    if (event.type === 'TaskPaused') {
      sse.comment(`paused ${JSON.stringify({ message: event.message })}`);
      return;
    }
    const line = lines.text(event.text, event.details);
    sse.write(traced ? `: sampled_at_us ${event.sampledAtUs}\n${line}` : line);
  });
  forget();
  if (outcome.type === 'Finished') sse.end(lines.finish(outcome.reason, outcome.usage));
  else sse.fail(streamError(outcome.error.message));
}

const RETRY_AFTER_SECONDS = 1;

function refusal(
  model: string,
  {
    code,
    message,
    retryAfterSeconds = RETRY_AFTER_SECONDS,
  }: Pick<TaskRefusal, 'code' | 'message' | 'retryAfterSeconds'>,
): HttpError {
  switch (code) {
    case 'UnknownModel':
    case 'NoInstance': {
      const what = `No instance found for model ${model}`;
      return new HttpError(404, message.startsWith(what) ? message : `${what}: ${message}`, {
        param: 'model',
      });
    }
    case 'NotReady':
    case 'QueueFull':
      return new HttpError(503, message, {
        headers: { 'retry-after': String(Math.ceil(retryAfterSeconds)) },
      });
    case 'PromptTooLong':
      return new HttpError(400, message, { param: 'messages' });
    case 'BadRequest':
      return new HttpError(400, message);
    default:
      return unreachable(code);
  }
}
