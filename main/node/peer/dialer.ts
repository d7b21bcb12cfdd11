import type { NodeId } from '../../core/id.ts';
import type { Clock } from '../clock.ts';
import { DIAL_TURN_MS, REDIAL_FIRST_MS, REDIAL_LAST_MS, UNREACHABLE_AFTER } from './limits.ts';

/** Who is looked for: a member, wherever it is, or whoever answers at an address that people named. */
export type Target = { readonly nodeId: NodeId } | { readonly address: string };

export type DialOutcome =
  | { readonly nodeId: NodeId }
  /** `pauseMs`: another attempt before that would come to the same. */
  | { readonly problem: string; readonly pauseMs?: number };

export interface DialerInit {
  readonly selfId: NodeId;
  /** Somebody is connected who is, or was reached, there; or it is not to be dialled now. */
  readonly isSettled: (target: Target) => boolean;
  /** One attempt; bounded in time, never rejects. */
  readonly dial: (target: Target, attempt: number) => Promise<DialOutcome>;
  /** After some failures, and from then on again and again. */
  readonly onUnreachable: (target: Target, problem: string) => void;
}

interface Search {
  readonly target: Target;
  failures: number;
  isDialling: boolean;
  cancel: () => void;
}

const keyOf = (target: Target): string => ('nodeId' in target ? target.nodeId : target.address);

/** Looks for nodes until each is connected, with growing pauses; at most one attempt per target at a time. */
export class Dialer {
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #init: DialerInit;
  readonly #searches = new Map<string, Search>();

  constructor(components: { readonly clock: Clock; readonly random: () => number }, init: DialerInit) {
    this.#clock = components.clock;
    this.#random = components.random;
    this.#init = init;
  }

  /** Begins to look for it, unless that is being done. Of two nodes that find each other, the one with the smaller id dials first. */
  seek(target: Target): void {
    if (this.#searches.has(keyOf(target)) || this.#init.isSettled(target)) return;
    const isTheirTurn = 'nodeId' in target && target.nodeId < this.#init.selfId;
    this.#later(this.#search(target), isTheirTurn ? DIAL_TURN_MS : 0);
  }

  /** It was seen just now: the next attempt is not put off any longer. */
  hasten(target: Target): void {
    const search = this.#searches.get(keyOf(target));
    if (search === undefined) this.seek(target);
    else if (!search.isDialling && search.failures > 0) {
      search.failures = 0;
      this.#later(search, REDIAL_FIRST_MS * this.#random());
    }
  }

  /** Not before `ms` have passed. */
  postpone(target: Target, ms: number): void {
    this.#later(this.#search(target), ms);
  }

  leave(target: Target): void {
    this.#searches.get(keyOf(target))?.cancel();
    this.#searches.delete(keyOf(target));
  }

  close(): void {
    for (const { cancel } of this.#searches.values()) cancel();
    this.#searches.clear();
  }

  #search(target: Target): Search {
    const known = this.#searches.get(keyOf(target));
    if (known !== undefined) return known;
    const search: Search = { target, failures: 0, isDialling: false, cancel: () => undefined };
    this.#searches.set(keyOf(target), search);
    return search;
  }

  #later(search: Search, ms: number): void {
    search.cancel();
    search.cancel = this.#clock.after(ms, () => void this.#attempt(search));
  }

  async #attempt(search: Search): Promise<void> {
    const { target } = search;
    const isCurrent = (): boolean => this.#searches.get(keyOf(target)) === search;
    if (search.isDialling || !isCurrent()) return;
    if (this.#init.isSettled(target)) return this.leave(target);
    search.isDialling = true;
    const outcome = await this.#init.dial(target, search.failures);
    search.isDialling = false;
    if (!isCurrent()) return;
    if ('nodeId' in outcome || this.#init.isSettled(target)) return this.leave(target);
    search.failures += 1;
    if (search.failures >= UNREACHABLE_AFTER) this.#init.onUnreachable(target, outcome.problem);
    const pause = Math.min(REDIAL_LAST_MS, REDIAL_FIRST_MS * 2 ** Math.min(search.failures - 1, 16));
    this.#later(search, Math.max(outcome.pauseMs ?? 0, pause * (0.5 + 0.5 * this.#random())));
  }
}
