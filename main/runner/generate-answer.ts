import type { StepOutput } from '../../native/addon.d.ts';
import type { TokenDetail, TokenLogprob } from '../core/contract/runner.ts';
import type { TextModel } from './generate-text.ts';
import { StopStrings } from './stop-strings.ts';

/** What became certain of an answer since the last piece. */
export interface AnswerPiece {
  readonly text: string;
  /** Tokens sampled since the last piece. */
  readonly tokens: number;
  readonly details: readonly TokenDetail[];
  /** The tokens that `tokens` counts. */
  readonly ids: readonly number[];
}

/** Details of one piece: with 20 alternatives of the longest tokens still below what the node takes in one report. */
const MAXIMUM_DETAILS = 128;

interface PendingDetail {
  /** Where the token's text begins in the answer, in UTF-16 code units. */
  readonly startsAt: number;
  readonly detail: TokenDetail;
}

/** One answer as it grows: tokens in, whole characters out, nothing of a stop string. */
export class Answer {
  readonly #text: TextModel;
  readonly #detokenizer: ReturnType<TextModel['detokenizer']>;
  readonly #stops: StopStrings;
  readonly #decoder = new TextDecoder();
  #pending = '';
  readonly #pendingDetails: PendingDetail[] = [];
  #pendingIds: number[] = [];
  /** Code units that came out of the detokeniser, and of those what passed the stop strings. */
  #decoded = 0;
  #passed = 0;
  #tokens = 0;
  #stopped = false;

  /** @throws `RangeError` for stop strings that can't be watched for */
  constructor(text: TextModel, stops: readonly string[]) {
    this.#text = text;
    this.#detokenizer = text.detokenizer();
    this.#stops = new StopStrings(stops);
  }

  /** Tokens sampled, end tokens apart. */
  get tokens(): number {
    return this.#tokens;
  }

  /**
   * Tokens that were sampled before, elsewhere, and how much of their text was said: nothing of it is told again. True when
   * they complete a stop string. To be called first.
   */
  replay(tokens: readonly number[], said: number): boolean {
    for (const token of tokens) {
      this.#tokens += 1;
      if (this.#pass(this.#detokenizer.push(token))) break;
    }
    this.#pending = this.#pending.slice(said);
    return this.#stopped;
  }

  /** Takes a step's token. True when a stop string is complete: the answer ends before it. */
  push(token: number, output: StepOutput): boolean {
    this.#tokens += 1;
    this.#pendingIds.push(token);
    if (output.logprob !== undefined) {
      this.#pendingDetails.push({
        startsAt: this.#decoded,
        detail: {
          ...this.#describe(token, output.logprob),
          top: (output.topLogprobs ?? []).map((entry) => this.#describe(entry.token, entry.logprob)),
        },
      });
    }
    return this.#pass(this.#detokenizer.push(token));
  }

  /** No token follows: what was held back becomes certain. True when it completes a stop string. */
  end(): boolean {
    if (this.#stopped || this.#pass(this.#detokenizer.end())) return true;
    this.#pending += this.#stops.end();
    this.#passed = Infinity;
    return false;
  }

  /** The next piece to send; undefined when nothing more became certain. */
  take(): AnswerPiece | undefined {
    const certain = this.#pendingDetails.findIndex(({ startsAt }) => startsAt >= this.#passed);
    const ready = certain < 0 ? this.#pendingDetails.length : certain;
    const details = this.#pendingDetails.splice(0, Math.min(ready, MAXIMUM_DETAILS));
    if (this.#pending === '' && details.length === 0) return undefined;
    const piece = {
      text: this.#pending,
      tokens: this.#pendingIds.length,
      details: details.map(({ detail }) => detail),
      ids: this.#pendingIds,
    };
    this.#pending = '';
    this.#pendingIds = [];
    return piece;
  }

  #pass(decoded: string): boolean {
    this.#decoded += decoded.length;
    const { text, stop } = this.#stops.push(decoded);
    this.#pending += text;
    this.#passed += text.length;
    this.#stopped = stop !== undefined;
    return this.#stopped;
  }

  #describe(token: number, logprob: number): TokenLogprob {
    const bytes = this.#text.tokenBytes(token);
    return { text: this.#decoder.decode(bytes), bytes: Array.from(bytes), logprob };
  }
}
