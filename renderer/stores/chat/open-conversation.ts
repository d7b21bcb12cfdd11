import { makeAutoObservable, observable, runInAction } from 'mobx';
import {
  type AnswerMessage,
  type ChatSettings,
  type ConversationId,
  type ConversationHead,
  type Message,
  MessageId,
  type UserMessage,
} from '../../../main/core/contract/ipc-conversation.ts';
import { chat } from '../../strings/chat.ts';
import { splitAttachments } from './attachment.ts';
import { type Begun, Lane } from './lane.ts';
import type { FrameClock } from './live-answer.ts';
import type { ChatPort } from './port.ts';
import { branchOf, type Children, childrenOf, choose, forkOf, type Fork } from './tree.ts';

export interface OpenConversationComponents {
  readonly port: ChatPort;
  readonly clock: FrameClock;
  /** The node has it now, or has changed it. */
  readonly changed: (conversation: OpenConversation) => void;
  /** Words that were to take the place of others, and were not taken: they are not lost. */
  readonly untaken: (conversation: OpenConversation, content: string) => void;
  /** A change that the node did not take; its message is for people. */
  readonly failed: (error: unknown) => void;
}

/** Whether its messages are here. */
export type Loading = 'Loading' | 'Here' | 'Gone' | 'Unreachable';

/** How soon to look again at an answer that is being written for another page. */
const LOOK_AGAIN_MS = 1_000;

/** A title for people who gave none: how it begins. */
const TITLE_LENGTH = 60;

/** One conversation in the page: what the node keeps of it, which branch is shown, and the answers being written. */
export class OpenConversation {
  /** Null = nothing is kept of it yet: it begins with the first words. */
  id: ConversationId | null;
  title = '';
  settings: ChatSettings = {};
  loading: Loading;
  /** How long answers of this session were thought about, in ms, by message. */
  readonly reasoning = observable.map<string, number>();
  readonly messages = observable.map<MessageId, Message>([], { deep: false });
  lanes: readonly Lane[];
  readonly #components: OpenConversationComponents;
  #takeBackLook: () => void = () => undefined;
  #isLeft = false;

  constructor(
    components: OpenConversationComponents,
    init: { readonly id: ConversationId | null; readonly target: string | null },
  ) {
    this.#components = components;
    this.id = init.id;
    this.loading = init.id === null ? 'Here' : 'Loading';
    this.lanes = [this.#lane(init.target)];
    makeAutoObservable(this, { reasoning: false, messages: false }, { autoBind: true, deep: false });
  }

  get main(): Lane {
    return this.lanes[0] as Lane;
  }

  get busy(): boolean {
    return this.lanes.some((lane) => lane.busy);
  }

  get children(): Children<Message> {
    return childrenOf(this.messages.values());
  }

  branch(lane: Lane): readonly Message[] {
    return branchOf(this.children, lane.chosen);
  }

  fork(message: Message): Fork {
    return forkOf(this.children, message);
  }

  /** Shows another of the messages that were said in one place, and what followed it. */
  show(lane: Lane, id: string): void {
    lane.chosen = choose(this.messages as ReadonlyMap<string, Message>, lane.chosen, id);
  }

  /** Says something on every lane. Resolves once the node has taken it; false = it has not, and `problem` says why. */
  async send(text: string): Promise<boolean> {
    if (this.busy || !(await this.#begin(text))) return false;
    const [first, second] = this.lanes;
    if (first === undefined) return false;
    const from = this.branch(first).at(-1)?.id ?? null;
    const other = second === undefined ? null : (this.branch(second).at(-1)?.id ?? null);
    const taken = this.#say(first, { parentId: from, text });
    if (second !== undefined && from !== other) void this.#say(second, { parentId: other, text });
    const begun = await taken;
    // Until their answers part, both lanes answer the same words.
    if (second !== undefined && from === other && begun !== null && begun.user !== null) {
      const { id } = begun.user;
      runInAction(() => (second.chosen = new Map(second.chosen).set(from ?? '', id)));
      void this.#say(second, { parentId: id });
    }
    return begun !== null;
  }

  /** Another answer to the same words; the earlier one stays. */
  again(lane: Lane, answer: AnswerMessage): void {
    void this.#say(lane, { parentId: answer.parentId });
  }

  /** An answer to words that have none, such as after a failure before any came. */
  answer(lane: Lane, user: UserMessage): void {
    void this.#say(lane, { parentId: user.id });
  }

  /** The same place in the conversation with other words; the earlier ones stay. */
  edit(lane: Lane, user: UserMessage, text: string): void {
    void this.#say(lane, { parentId: user.parentId, text }).then((begun) => {
      if (begun === null) this.#components.untaken(this, text);
    });
  }

  stop(): void {
    for (const lane of this.lanes) lane.stop();
  }

  /** A second model beside the first, from here on. */
  compare(target: string): void {
    if (this.lanes.length > 1) return;
    this.lanes = [this.main, this.#lane(target, this.main.chosen)];
  }

  /** Ends side by side and goes on with `kept`. */
  keep(kept: Lane): void {
    for (const lane of this.lanes) if (lane !== kept) lane.stop();
    this.lanes = [kept];
    if (kept.target !== null) void this.setTarget(kept, kept.target);
  }

  async setTarget(lane: Lane, target: string): Promise<void> {
    lane.target = target;
    if (lane === this.main && this.id !== null) await this.#change({ target });
  }

  async setSettings(settings: ChatSettings): Promise<void> {
    this.settings = settings;
    if (this.id !== null) await this.#change({ settings });
  }

  async rename(title: string): Promise<void> {
    this.title = title;
    if (this.id !== null) await this.#change({ title });
  }

  /** Takes over what the node keeps. Answers that are being written here stay as they are. */
  async load(): Promise<void> {
    if (this.id === null) return;
    try {
      const { messages, ...head } = await this.#components.port.call('conversation', {
        conversationId: this.id,
      });
      runInAction(() => {
        this.#takeHead(head);
        this.messages.replace(messages.map((message) => [message.id, this.#newer(message)]));
        this.loading = 'Here';
      });
      this.#takeBackLook();
      const unfinished = (message: Message): boolean =>
        message.role === 'assistant' && message.state.type === 'Streaming' && !this.#writes(message.id);
      if (!this.#isLeft && messages.some(unfinished))
        this.#takeBackLook = this.#components.clock.later(LOOK_AGAIN_MS, () => void this.load());
    } catch (error) {
      runInAction(() => {
        if (this.loading === 'Loading' || isNotFound(error))
          this.loading = isNotFound(error) ? 'Gone' : 'Unreachable';
      });
    }
  }

  /** Nobody looks at it any more. Answers that are being written here go on. */
  leave(): void {
    this.#isLeft = true;
    this.#takeBackLook();
  }

  /** It is looked at again. */
  enter(): void {
    this.#isLeft = false;
  }

  #writes(id: string): boolean {
    return this.lanes.some(({ liveId }) => liveId === id);
  }

  /** What was stopped here stays stopped, though the node may have yet to hear of it. */
  #newer(message: Message): Message {
    const known = this.messages.get(message.id);
    if (known === undefined || message.role === 'user' || known.role === 'user') return message;
    return message.state.type === 'Streaming' && known.state.type === 'Stopped' ? known : message;
  }

  #takeHead(head: ConversationHead): void {
    this.title = head.title;
    this.settings = head.settings;
    if (head.target !== null || this.main.target === null) this.main.target = head.target;
  }

  #lane(target: string | null, chosen: ReadonlyMap<string, string> = new Map()): Lane {
    const { port, clock } = this.#components;
    return new Lane({ port, clock, keep: this.#keep, ended: this.#ended }, { target, chosen });
  }

  readonly #keep = (message: Message): void => {
    this.messages.set(message.id, message);
  };

  readonly #ended = (lane: Lane, told: boolean): void => {
    const { live, liveId } = lane;
    if (live !== null && liveId !== null) {
      const id = MessageId.parse(liveId);
      if (live.reasoningMs !== null) this.reasoning.set(id, live.reasoningMs);
      const message = this.messages.get(id);
      // Until the node has said what it kept, the page shows what it has seen.
      if (!told && message?.role === 'assistant')
        this.messages.set(id, { ...message, content: live.text, state: { type: 'Stopped' } });
    }
    if (!told) void this.load();
    this.#components.changed(this);
  };

  async #say(
    lane: Lane,
    wanted: { readonly parentId: MessageId | null; readonly text?: string },
  ): Promise<Begun | null> {
    if (this.id === null) return null;
    if (lane.target === null) {
      lane.problem = chat.noTarget;
      return null;
    }
    const begun = await lane.start({ conversationId: this.id, target: lane.target, ...wanted });
    if (begun !== null) this.#components.changed(this);
    return begun;
  }

  /** Makes the node keep it; false = it can't, and why is said. */
  async #begin(text: string): Promise<boolean> {
    if (this.id !== null) return true;
    const { main, settings } = this;
    if (main.target === null) {
      main.problem = chat.noTarget;
      return false;
    }
    try {
      const { id } = await this.#components.port.call('createConversation', {
        target: main.target,
        settings,
      });
      runInAction(() => (this.id = id));
      await this.rename(titleOf(text));
      return true;
    } catch (error) {
      runInAction(() => (main.problem = (error as Error).message));
      return false;
    }
  }

  async #change(changes: {
    readonly title?: string;
    readonly target?: string;
    readonly settings?: ChatSettings;
  }): Promise<void> {
    if (this.id === null) return;
    try {
      await this.#components.port.call('changeConversation', { conversationId: this.id, ...changes });
      this.#components.changed(this);
    } catch (error) {
      this.#components.failed(error);
      // What the page shows is not what is kept.
      void this.load();
    }
  }
}

export function titleOf(content: string): string {
  const { text, attachments } = splitAttachments(content);
  if (text.trim() === '') return attachments[0]?.name ?? '';
  const line =
    text
      .trim()
      .split('\n')
      .find((each) => each.trim() !== '') ?? '';
  const plain = line
    .replace(/[*_`#]+/g, '')
    .replace(/\s+/g, ' ')
    .trim();
  return plain.length <= TITLE_LENGTH ? plain : `${plain.slice(0, TITLE_LENGTH - 1).trimEnd()}…`;
}

function isNotFound(error: unknown): boolean {
  return (error as { readonly code?: unknown }).code === 'NotFound';
}
