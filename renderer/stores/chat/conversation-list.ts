import { makeAutoObservable, runInAction } from 'mobx';
import type { ConversationHit } from '../../../main/core/contract/ipc-conversation.ts';
import type { FrameClock } from './live-answer.ts';
import type { ChatPort } from './port.ts';

/** Most that are listed; a search finds the others. */
const LISTED = 500;
/** Typing faster than this asks once. */
const TYPING_MS = 150;

/** The conversations that the node keeps, newest first, or those that a search finds. */
export class ConversationList {
  search = '';
  hits: readonly ConversationHit[] = [];
  /** All that the node keeps or the search finds. */
  total = 0;
  /** Whether the list is what was asked for last. */
  loaded = false;
  /** Why there is no list, for people; null = there is one. */
  problem: string | null = null;
  readonly #components: { readonly port: ChatPort; readonly clock: FrameClock };
  #asked = 0;
  #takeBack: () => void = () => undefined;

  constructor(components: { readonly port: ChatPort; readonly clock: FrameClock }) {
    this.#components = components;
    makeAutoObservable(this, {}, { autoBind: true, deep: false });
  }

  look(search: string): void {
    this.search = search;
    this.refreshSoon();
  }

  /** Asks again soon, once for several calls. */
  refreshSoon(): void {
    this.#takeBack();
    this.#takeBack = this.#components.clock.later(TYPING_MS, () => void this.refresh());
  }

  /** Answers to earlier questions that come late are dropped. */
  async refresh(): Promise<void> {
    const asked = (this.#asked += 1);
    try {
      const { conversations, total } = await this.#components.port.call('conversations', {
        search: this.search.trim(),
        limit: LISTED,
      });
      if (asked !== this.#asked) return;
      runInAction(() => {
        this.hits = conversations;
        this.total = total;
        this.problem = null;
        this.loaded = true;
      });
    } catch (error) {
      if (asked !== this.#asked) return;
      runInAction(() => {
        this.problem = (error as Error).message;
        this.loaded = true;
      });
    }
  }
}
