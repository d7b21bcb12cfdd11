import {
  type AnswerMessage,
  type AnswerState,
  type ChatItem,
  type ChatParams,
  type Conversation,
  ConversationId,
  type Message,
  MessageId,
} from '../../main/core/contract/ipc-conversation.ts';
import type {
  MethodName,
  MethodParams,
  MethodResult,
  StreamName,
  StreamParams,
} from '../../main/core/contract/ipc.ts';
import type { FrameClock } from '../../renderer/stores/chat/live-answer.ts';
import type { ChatPort, OpenStream } from '../../renderer/stores/chat/port.ts';

/** Time that a test moves: frames and waits happen when it says so. */
export class FakeFrames implements FrameClock {
  ms = 0;
  readonly #frames: (() => void)[] = [];
  #waits: { readonly at: number; readonly callback: () => void }[] = [];

  now(): number {
    return this.ms;
  }

  nextFrame(callback: () => void): void {
    this.#frames.push(callback);
  }

  later(ms: number, callback: () => void): () => void {
    const wait = { at: this.ms + ms, callback };
    this.#waits.push(wait);
    return () => {
      this.#waits = this.#waits.filter((each) => each !== wait);
    };
  }

  frame(): void {
    for (const callback of this.#frames.splice(0)) callback();
  }

  async pass(ms: number): Promise<void> {
    this.ms += ms;
    this.frame();
    const due = this.#waits.filter(({ at }) => at <= this.ms);
    this.#waits = this.#waits.filter(({ at }) => at > this.ms);
    for (const { callback } of due) callback();
    await settled();
  }
}

/** Lets everything that was answered at once be taken over. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
}

interface AnswerReader {
  readonly item: (item: ChatItem) => void;
  readonly end: (failure: string | null) => void;
}

/** One answer that the node was asked to write; the test says what comes of it. */
export class FakeAnswer {
  closed = false;
  readonly params: ChatParams;
  readonly #node: FakeChatNode;
  readonly #on: AnswerReader;
  #message: AnswerMessage | null = null;

  constructor(node: FakeChatNode, params: ChatParams, on: AnswerReader) {
    this.#node = node;
    this.params = params;
    this.#on = on;
  }

  begin(): this {
    const { user, answer } = this.#node.take(this.params);
    this.#message = answer;
    this.#on.item({ type: 'Begun', user, answer });
    return this;
  }

  wait(message: string): this {
    this.#on.item({ type: 'Waiting', message });
    return this;
  }

  prefill(processed: number, total: number): this {
    this.#on.item({ type: 'Prefill', processed, total });
    return this;
  }

  say(text: string, tokens = 1): this {
    this.#change((message) => ({ ...message, content: message.content + text }));
    if (!this.closed) this.#on.item({ type: 'Text', text, tokens });
    return this;
  }

  end(state: AnswerState = { type: 'Complete', finish: 'Stop' }): void {
    const answer = this.#change((message) => ({ ...message, state }));
    if (this.closed || answer === null) return;
    this.#on.item({ type: 'Ended', answer });
    this.#on.end(null);
  }

  /** The stream breaks: what was asked is refused, or the connection is lost. */
  fail(message: string): void {
    this.#on.end(message);
  }

  close(): void {
    this.closed = true;
  }

  #change(change: (message: AnswerMessage) => AnswerMessage): AnswerMessage | null {
    if (this.#message === null) return null;
    this.#message = change(this.#message);
    this.#node.put(this.params.conversationId, this.#message);
    return this.#message;
  }
}

/** A node's conversations in memory, behind the connection as the chat sees it. */
export class FakeChatNode implements ChatPort {
  readonly conversations = new Map<string, Conversation>();
  readonly answers: FakeAnswer[] = [];
  /** Every call is refused with it. Null = the node answers. */
  down: string | null = null;
  readonly #calls: MethodName[] = [];
  readonly #deleted = new Map<string, Conversation>();
  #count = 0;

  get answer(): FakeAnswer {
    const last = this.answers.at(-1);
    if (last === undefined) throw new Error('Nobody asked for an answer.');
    return last;
  }

  /** How often. */
  asked(name: MethodName): number {
    return this.#calls.filter((each) => each === name).length;
  }

  async call<Name extends MethodName>(name: Name, params: MethodParams<Name>): Promise<MethodResult<Name>> {
    this.#calls.push(name);
    await Promise.resolve();
    if (this.down !== null) throw new Error(this.down);
    return this.#answer(name, params) as MethodResult<Name>;
  }

  open<Name extends StreamName>(
    name: Name,
    params: StreamParams<Name>,
    on: Parameters<ChatPort['open']>[2],
  ): OpenStream {
    if (name !== 'chat') throw new Error(`Nobody asked for ${name} in a chat.`);
    const answer = new FakeAnswer(this, params as ChatParams, on);
    this.answers.push(answer);
    return answer;
  }

  take({ conversationId, parentId, text, target }: ChatParams): {
    user: Extract<Message, { role: 'user' }> | null;
    answer: AnswerMessage;
  } {
    const user =
      text === undefined
        ? null
        : ({ role: 'user', id: this.#id('u'), parentId, content: text, createdAt: this.#count } as const);
    if (user !== null) this.put(conversationId, user);
    const answer: AnswerMessage = {
      role: 'assistant',
      id: this.#id('a'),
      parentId: user?.id ?? parentId,
      content: '',
      createdAt: this.#count,
      target,
      state: { type: 'Streaming' },
      stats: null,
    };
    this.put(conversationId, answer);
    return { user, answer };
  }

  put(conversationId: string, message: Message): void {
    const conversation = this.#conversation(conversationId);
    const known = conversation.messages.some(({ id }) => id === message.id);
    const messages = known
      ? conversation.messages.map((each) => (each.id === message.id ? message : each))
      : [...conversation.messages, message];
    this.conversations.set(conversationId, { ...conversation, messages });
  }

  #answer(name: MethodName, params: Record<string, unknown>): unknown {
    const id = String(params['conversationId']);
    switch (name) {
      case 'conversations': {
        const search = String(params['search']).toLowerCase();
        const found = [...this.conversations.values()].filter(({ title }) =>
          title.toLowerCase().includes(search),
        );
        return { conversations: found.map((each) => ({ ...each, snippet: null })), total: found.length };
      }
      case 'conversation':
        return this.#conversation(id);
      case 'createConversation': {
        const created = {
          id: ConversationId.parse(this.#id('c')),
          title: '',
          createdAt: 0,
          updatedAt: 0,
          messages: [],
        };
        this.conversations.set(created.id, { ...created, ...params } as unknown as Conversation);
        return this.#conversation(created.id);
      }
      case 'changeConversation': {
        const changed = { ...this.#conversation(id), ...params };
        this.conversations.set(id, changed);
        return changed;
      }
      case 'deleteConversation':
        this.#deleted.set(id, this.#conversation(id));
        this.conversations.delete(id);
        return {};
      case 'restoreConversation':
        this.conversations.set(id, this.#deleted.get(id)!);
        return this.#conversation(id);
      default:
        throw new Error(`The chat does not call ${name}.`);
    }
  }

  #conversation(id: string): Conversation {
    const found = this.conversations.get(id);
    if (found === undefined) throw Object.assign(new Error('No such conversation.'), { code: 'NotFound' });
    return found;
  }

  #id(kind: string): MessageId {
    this.#count += 1;
    return MessageId.parse(`${kind}${this.#count}`);
  }
}
