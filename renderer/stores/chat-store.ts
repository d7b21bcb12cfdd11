import { makeAutoObservable, runInAction } from 'mobx';
import { ConversationId } from '../../main/core/contract/ipc-conversation.ts';
import type { TextStore } from '../lib/page-store.ts';
import { type Attachment, splitAttachments, withAttachments } from './chat/attachment.ts';
import { ConversationList } from './chat/conversation-list.ts';
import { type Draft, Drafts, emptyDraft, isEmpty, joined } from './chat/drafts.ts';
import type { FrameClock } from './chat/live-answer.ts';
import { OpenConversation } from './chat/open-conversation.ts';
import type { ChatPort } from './chat/port.ts';

export interface ChatStoreComponents {
  readonly port: ChatPort;
  readonly clock: FrameClock;
  readonly store: TextStore;
  /** The address of the page follows what is shown; null = a conversation not begun. */
  readonly shown: (id: ConversationId | null) => void;
  /** A change that the node did not take; its message is for people. */
  readonly failed: (error: unknown) => void;
}

/** The chat: the list of conversations, the one that is shown, and what is typed. */
export class ChatStore {
  readonly list: ConversationList;
  current: OpenConversation;
  draft: Draft;
  /** Counts what was begun from outside the chat, so that whoever shows it gives the keyboard to the message. */
  begun = 0;
  /** The target for new conversations: the one used last. */
  usualTarget: string | null = null;
  readonly #components: ChatStoreComponents;
  readonly #drafts: Drafts;
  /** Conversations with answers being written while another is shown. */
  readonly #busy = new Set<OpenConversation>();

  constructor(components: ChatStoreComponents) {
    this.#components = components;
    this.#drafts = new Drafts({ store: components.store });
    this.list = new ConversationList(components);
    this.usualTarget = components.store.getItem(USUAL_TARGET);
    this.current = this.#conversation(null);
    this.draft = this.#drafts.read('');
    makeAutoObservable(this, { list: false }, { autoBind: true, deep: false });
  }

  /** Whether an answer of it is being written here. */
  isBusy(id: string): boolean {
    return (
      (this.current.id === id && this.current.busy) ||
      [...this.#busy].some((each) => each.id === id && each.busy)
    );
  }

  /** Shows a conversation; null = a new one. */
  open(id: string | null): void {
    if (this.current.id === id) return;
    this.#saveDraft();
    this.current.leave();
    if (this.current.busy) this.#busy.add(this.current);
    const parsed = id === null ? null : (ConversationId.safeParse(id).data ?? null);
    const going = [...this.#busy].find((each) => each.id === parsed);
    this.current = going ?? this.#conversation(parsed);
    this.current.enter();
    if (going === undefined) void this.current.load();
    this.draft = this.#drafts.read(parsed ?? '');
    this.#components.shown(parsed);
  }

  /** A new conversation with this typed into it; what was typed there before stays, above. */
  begin(text: string): void {
    this.open(null);
    if (text !== '') this.type(this.draft.text.trim() === '' ? text : `${this.draft.text}\n\n${text}`);
    this.begun += 1;
  }

  /** After the connection came back: what the page shows may be old. */
  refresh(): void {
    void this.list.refresh();
    void this.current.load();
  }

  type(text: string): void {
    this.draft = { ...this.draft, text };
    this.#saveDraft();
  }

  attach(attachments: readonly Attachment[]): void {
    this.draft = { ...this.draft, attachments };
    this.#saveDraft();
  }

  /** Sends the draft; what is not taken stays, or comes back, as the draft. */
  async send(): Promise<void> {
    const { draft, current } = this;
    if (current.busy || isEmpty({ ...draft, text: draft.text.trim() })) return;
    const key = current.id ?? '';
    this.draft = emptyDraft;
    const taken = await current.send(withAttachments(draft.text.trim(), draft.attachments));
    runInAction(() => {
      // The kept draft goes only now, so that a page that is closed in between loses nothing.
      this.#drafts.drop(key, draft);
      // What was typed since, before the conversation had its id, moves with it.
      if (this.current === current && key !== (current.id ?? '')) {
        this.#drafts.drop(key, this.draft);
        this.#saveDraft();
      }
      if (!taken) this.#giveBack(current, draft);
    });
  }

  useTarget(target: string): void {
    this.usualTarget = target;
    this.#components.store.setItem(USUAL_TARGET, target);
    void this.current.setTarget(this.current.main, target);
  }

  /** @returns how to take it back while the node still can */
  async remove(id: ConversationId): Promise<() => Promise<void>> {
    await this.#components.port.call('deleteConversation', { conversationId: id });
    runInAction(() => {
      for (const each of this.#busy) if (each.id === id) each.stop();
      if (this.current.id === id) {
        this.current.stop();
        this.open(null);
      }
    });
    await this.list.refresh();
    return async () => {
      await this.#components.port.call('restoreConversation', { conversationId: id });
      await this.list.refresh();
    };
  }

  async rename(id: ConversationId, title: string): Promise<void> {
    if (this.current.id === id) return this.current.rename(title);
    try {
      await this.#components.port.call('changeConversation', { conversationId: id, title });
    } catch (error) {
      this.#components.failed(error);
    }
    this.list.refreshSoon();
  }

  export(id: ConversationId, format: 'Markdown' | 'Json'): Promise<{ fileName: string; text: string }> {
    return this.#components.port.call('exportConversation', { conversationId: id, format });
  }

  #conversation(id: ConversationId | null): OpenConversation {
    const { port, clock, failed } = this.#components;
    return new OpenConversation(
      { port, clock, changed: this.#changed, untaken: this.#untaken, failed },
      { id, target: id === null ? this.usualTarget : null },
    );
  }

  readonly #changed = (conversation: OpenConversation): void => {
    if (!conversation.busy) this.#busy.delete(conversation);
    if (conversation === this.current) this.#components.shown(conversation.id);
    this.list.refreshSoon();
  };

  readonly #untaken = (conversation: OpenConversation, content: string): void => {
    const { text, attachments } = splitAttachments(content);
    runInAction(() => this.#giveBack(conversation, { text, attachments }));
  };

  /** Before what was typed since, wherever that is kept. */
  #giveBack(conversation: OpenConversation, draft: Draft): void {
    const key = conversation.id ?? '';
    if (this.current === conversation) this.#setDraft(joined(draft, this.draft));
    else this.#drafts.write(key, joined(draft, this.#drafts.read(key)));
  }

  #setDraft(draft: Draft): void {
    this.draft = draft;
    this.#saveDraft();
  }

  #saveDraft(): void {
    this.#drafts.write(this.current.id ?? '', this.draft);
  }
}

const USUAL_TARGET = 'skein.chat.target';
