import type {
  AnswerMessage,
  AnswerState,
  AnswerStats,
  ChatItem,
  ChatParams,
  ChatSettings,
  Message,
} from '../../core/contract/ipc-conversation.ts';
import type { GenerationRequest } from '../../core/contract/runner.ts';
import { unreachable } from '../../core/result.ts';
import type { TaskEnd, TokenUsage } from '../../core/task.ts';
import { MINUTE, SECOND } from '../../core/unit.ts';
import type { NodeApi, TaskStream } from '../api.ts';
import type { Clock } from '../clock.ts';
import type { ConversationStore } from '../conversation/conversation-store.ts';
import type { Log } from '../log.ts';
import { defaultSampling } from '../server/chat-request.ts';
import { IpcError } from './ipc-error.ts';
import { pause } from './telemetry-stream.ts';

export interface ChatComponents {
  readonly api: NodeApi;
  readonly conversations: ConversationStore;
  readonly clock: Clock;
  readonly log: Log;
  /** In [0, 1). */
  readonly random: () => number;
}

/** How long a message waits for its model to become ready. */
const MOST_WAIT_MS = 15 * MINUTE;
const LOOK_EVERY_MS = 0.5 * SECOND;
/** What was said is on disk at most so much later. */
const SAVE_EVERY_MS = 0.5 * SECOND;

/** Says something in a conversation and tells how the answer comes about; all of it is kept as it comes. */
export async function* chatStream(
  components: ChatComponents,
  params: ChatParams,
  signal: AbortSignal,
): AsyncGenerator<ChatItem> {
  const { conversations, clock } = components;
  const begun = begin(conversations, params);
  const answer = new Answer(components, begun.answer);
  try {
    yield { type: 'Begun', user: begun.user, answer: begun.answer };
    const generation = generationOf(begun.path, begun.settings, components.random);
    const task = yield* started(components, params.target, generation, signal);
    if (task === undefined) {
      answer.end({ type: 'Stopped' });
    } else if (typeof task === 'string') {
      answer.end({ type: 'Failed', message: task });
    } else {
      const stop = (): void => task.cancel();
      signal.addEventListener('abort', stop, { once: true });
      // Aborted between the start and the line above.
      if (signal.aborted) stop();
      try {
        for await (const event of task) {
          switch (event.type) {
            case 'Prefill':
              yield { type: 'Prefill', processed: event.processed, total: event.total };
              break;
            case 'Chunk':
              answer.add(event.text, event.tokens, clock.monotonic());
              yield { type: 'Text', text: event.text, tokens: event.tokens };
              break;
            case 'TaskPaused':
              yield { type: 'Waiting', message: event.message };
              break;
            case 'TaskEnded':
              answer.end(stateOf(event.end, signal.aborted), event.usage);
              break;
            case 'TaskRefused':
              answer.end({ type: 'Failed', message: event.message });
              break;
            default:
              unreachable(event);
          }
        }
      } finally {
        signal.removeEventListener('abort', stop);
      }
    }
    answer.end({
      type: 'Failed',
      message: 'The answer ended without a result: its runner is gone. Ask again.',
    });
    yield { type: 'Ended', answer: answer.message };
  } finally {
    answer.end({ type: 'Stopped' });
  }
}

/** The task; undefined = it was taken back; a text = why there is none, for people. */
async function* started(
  { api, clock }: ChatComponents,
  target: string,
  generation: GenerationRequest,
  signal: AbortSignal,
): AsyncGenerator<ChatItem, TaskStream | string | undefined> {
  const until = clock.monotonic() + MOST_WAIT_MS;
  let told = '';
  while (!signal.aborted) {
    const task = await api.startTask(target, generation, { resume: true });
    if (task.ok) return task.value;
    const { code, message } = task.error;
    if ((code !== 'NotReady' && code !== 'QueueFull') || clock.monotonic() > until) return message;
    if (message !== told) yield { type: 'Waiting', message };
    told = message;
    await pause(clock, LOOK_EVERY_MS, signal);
  }
  return undefined;
}

function begin(
  conversations: ConversationStore,
  { conversationId, parentId, target, text }: ChatParams,
): {
  readonly user: Extract<Message, { role: 'user' }> | null;
  readonly answer: AnswerMessage;
  readonly path: readonly Message[];
  readonly settings: ChatSettings;
} {
  const head = conversations.head(conversationId);
  if (head === undefined) throw new IpcError('NotFound', 'This conversation is not there any more.');
  const before = parentId === null ? [] : conversations.pathTo(conversationId, parentId);
  if (before === undefined)
    throw new IpcError('NotFound', 'The message that this answers is not there any more.', 'parentId');
  if (text === undefined && before.at(-1)?.role !== 'user')
    throw new IpcError('BadRequest', 'Only a message of yours can be answered.', 'parentId');
  const { user, answer } = conversations.addTurn(conversationId, { parentId, text: text ?? null, target });
  return { user, answer, path: user === null ? before : [...before, user], settings: head.settings };
}

function generationOf(
  path: readonly Message[],
  { systemPrompt, maxTokens, seed, ...sampling }: ChatSettings,
  random: () => number,
): GenerationRequest {
  const given = Object.fromEntries(Object.entries(sampling).filter(([, value]) => value !== undefined));
  const system = systemPrompt === undefined || systemPrompt.trim() === '' ? [] : [systemPrompt];
  return {
    messages: [
      ...system.map((content) => ({ role: 'system' as const, content })),
      // An answer that failed before its first word, or ended within its thoughts, would be an empty turn.
      ...path
        .map(({ role, content }) => ({ role, content: role === 'user' ? content : spokenIn(content) }))
        .filter(({ role, content }) => role === 'user' || content !== ''),
    ],
    sampling: {
      ...defaultSampling,
      repetitionPenalty: 1,
      presencePenalty: 0,
      frequencyPenalty: 0,
      ...given,
      seed: seed ?? Math.floor(random() * (Number.MAX_SAFE_INTEGER + 1)),
    },
    maxTokens: maxTokens ?? null,
    stop: [],
    topLogprobs: null,
  };
}

const THINK = '<think>';
const THINK_END = '</think>';

/** What a model thought before it answered is no part of the conversation it is told; pages show the same as thoughts. */
function spokenIn(answer: string): string {
  const end = answer.indexOf(THINK_END);
  if (answer.trimStart().startsWith(THINK)) return afterThinking(answer, end);
  // Some are begun within their thinking; others speak of the tag, as code.
  return end === -1 || answer.slice(0, end).includes('`') ? answer : afterThinking(answer, end);
}

const afterThinking = (answer: string, end: number): string =>
  end === -1 ? '' : answer.slice(end + THINK_END.length).trimStart();

function stateOf(end: TaskEnd, stopped: boolean): AnswerState {
  switch (end.type) {
    case 'Stop':
    case 'Length':
      return { type: 'Complete', finish: end.type };
    case 'Cancelled':
      if (stopped) return { type: 'Stopped' };
      return {
        type: 'Failed',
        message:
          'The answer was cancelled: its model was deleted or paused, someone ended the task, or the node is stopping.',
      };
    case 'Failed':
      return { type: 'Failed', message: end.message };
    default:
      return unreachable(end);
  }
}

/** An answer as it grows, on disk soon after. */
class Answer {
  readonly #components: ChatComponents;
  readonly #askedAt: number;
  #message: AnswerMessage;
  #firstAt: number | undefined;
  #lastAt = 0;
  #tokens = 0;
  #firstTokens = 0;
  #savedAt: number;
  #ended = false;
  #failedToSave = false;

  constructor(components: ChatComponents, message: AnswerMessage) {
    this.#components = components;
    this.#message = message;
    this.#askedAt = components.clock.monotonic();
    this.#savedAt = this.#askedAt;
  }

  get message(): AnswerMessage {
    return this.#message;
  }

  add(text: string, tokens: number, now: number): void {
    this.#message = { ...this.#message, content: this.#message.content + text };
    this.#tokens += tokens;
    this.#lastAt = now;
    if (this.#firstAt === undefined) {
      this.#firstAt = now;
      this.#firstTokens = this.#tokens;
    }
    if (now - this.#savedAt >= SAVE_EVERY_MS) this.#save(now);
  }

  /** Only the first end counts. */
  end(state: AnswerState, usage?: TokenUsage): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#message = { ...this.#message, state, stats: this.#stats(usage) };
    if (this.#save(this.#components.clock.monotonic())) return;
    const message =
      'This answer could not be kept on disk, and a reload will not show the end of it. Copy what you need, and look whether the disk of this node is full.';
    this.#message = { ...this.#message, state: { type: 'Failed', message } };
  }

  #stats(usage: TokenUsage | undefined): AnswerStats | null {
    if (usage === undefined && this.#firstAt === undefined) return null;
    const after = this.#tokens - this.#firstTokens;
    const seconds = (this.#lastAt - (this.#firstAt ?? 0)) / SECOND;
    return {
      promptTokens: usage?.promptTokens ?? 0,
      completionTokens: usage?.completionTokens ?? this.#tokens,
      firstTokenMs: this.#firstAt === undefined ? null : Math.round(this.#firstAt - this.#askedAt),
      tokensPerSecond: after > 0 && seconds > 0 ? Number((after / seconds).toPrecision(3)) : null,
    };
  }

  /** False = it could not; the log has it once. */
  #save(now: number): boolean {
    this.#savedAt = now;
    try {
      this.#components.conversations.writeAnswer(this.#message);
      return true;
    } catch (error) {
      if (!this.#failedToSave) {
        const message = this.#message.id;
        this.#components.log.warn('An answer could not be kept on disk', { message, error });
      }
      this.#failedToSave = true;
      return false;
    }
  }
}
