import { makeAutoObservable } from 'mobx';
import type { ChatItem } from '../../../main/core/contract/ipc-conversation.ts';
import { answerParts } from './parts.ts';

/** Time as the page has it; a fake one in tests. */
export interface FrameClock {
  /** Milliseconds, rising. */
  now(): number;
  /** Calls back once, before the next frame is painted or soon after where none is. */
  nextFrame(callback: () => void): void;
  /** Calls back once after so long; the returned function takes it back. */
  later(ms: number, callback: () => void): () => void;
}

type Progress = Extract<ChatItem, { type: 'Waiting' | 'Prefill' | 'Text' }>;

/** An answer while it is being written. Text is taken over once a frame: more often nobody could see. */
export class LiveAnswer {
  text = '';
  /** Why nothing comes yet, for people; null = it is being worked on. */
  waiting: string | null = null;
  /** How much of the prompt is read; null = not told or done. */
  prefill: { readonly processed: number; readonly total: number } | null = null;
  tokens = 0;
  /** Decode speed so far; null = too little to tell. */
  tokensPerSecond: number | null = null;
  /** How long it thought before it answered; null = it did not, or still does. */
  reasoningMs: number | null = null;
  readonly #clock: FrameClock;
  readonly startedAt: number;
  #incoming = '';
  #incomingTokens = 0;
  #firstTextAt: number | null = null;
  #flushing = false;

  constructor({ clock }: { readonly clock: FrameClock }) {
    this.#clock = clock;
    this.startedAt = clock.now();
    makeAutoObservable(this, {}, { autoBind: true, deep: false });
  }

  take(item: Progress): void {
    switch (item.type) {
      case 'Waiting':
        this.flush();
        this.waiting = item.message;
        return;
      case 'Prefill':
        this.waiting = null;
        this.prefill = item.processed >= item.total ? null : { processed: item.processed, total: item.total };
        return;
      case 'Text':
        this.#firstTextAt ??= this.#clock.now();
        this.#incoming += item.text;
        this.#incomingTokens += item.tokens;
        if (this.#flushing) return;
        this.#flushing = true;
        this.#clock.nextFrame(() => this.flush());
    }
  }

  /** Shows what has come. */
  flush(): void {
    this.#flushing = false;
    if (this.#incoming === '') return;
    const now = this.#clock.now();
    this.text += this.#incoming;
    this.tokens += this.#incomingTokens;
    this.waiting = null;
    this.prefill = null;
    this.#incoming = '';
    this.#incomingTokens = 0;
    const since = now - (this.#firstTextAt ?? now);
    if (since >= SPEED_AFTER_MS && this.tokens > 1)
      this.tokensPerSecond = ((this.tokens - 1) / since) * 1_000;
    if (this.reasoningMs !== null) return;
    const [first] = answerParts(this.text.slice(0, REASONING_SCAN));
    if (first?.type === 'reasoning' && !first.open) this.reasoningMs = since;
  }
}

/** Before that a speed is mostly chance. */
const SPEED_AFTER_MS = 500;
/** Thinking longer than so many characters gets no duration, so that looking for its end stays cheap. */
const REASONING_SCAN = 200_000;
