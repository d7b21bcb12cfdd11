import { action, makeAutoObservable } from 'mobx';
import type { AnswerMessage, ChatItem, UserMessage } from '../../../main/core/contract/ipc-conversation.ts';
import type { StreamParams } from '../../../main/core/contract/ipc.ts';
import { type FrameClock, LiveAnswer } from './live-answer.ts';
import type { ChatPort, OpenStream } from './port.ts';

/** What the node keeps from the first word on. */
export type Begun = Extract<ChatItem, { type: 'Begun' }>;

export interface LaneComponents {
  readonly port: ChatPort;
  readonly clock: FrameClock;
  /** A message as the node has it now, new or changed. */
  readonly keep: (message: UserMessage | AnswerMessage) => void;
  /** A stream ended; `told` = the node said how. Otherwise what it kept is yet to be asked for. */
  readonly ended: (lane: Lane, told: boolean) => void;
}

/** One branch of a conversation as it is shown, and who answers on it. Side by side, there are two. */
export class Lane {
  /** Model or MetaInstance; null = none chosen. */
  target: string | null;
  /** At each fork the branch that is shown; see `branchOf`. */
  chosen: ReadonlyMap<string, string>;
  live: LiveAnswer | null = null;
  /** The answer that `live` is writing; null until the node has taken what was said. */
  liveId: string | null = null;
  /** What was said and the node has not confirmed yet. */
  pending: string | null = null;
  /** Why what was said last was not taken at all; null = it was. */
  problem: string | null = null;
  readonly #components: LaneComponents;
  #stream: OpenStream | null = null;
  #settle: (begun: Begun | null) => void = () => undefined;

  constructor(
    components: LaneComponents,
    init: { readonly target: string | null; readonly chosen: ReadonlyMap<string, string> },
  ) {
    this.#components = components;
    this.target = init.target;
    this.chosen = init.chosen;
    makeAutoObservable(this, {}, { autoBind: true, deep: false });
  }

  get busy(): boolean {
    return this.live !== null;
  }

  /**
   * Says something or asks again. Resolves once the node has taken it, to what it keeps, or to null where it has not;
   * `problem` then says why. One at a time: while it is busy, nothing happens.
   */
  start(params: StreamParams<'chat'>): Promise<Begun | null> {
    if (this.busy) return Promise.resolve(null);
    const { port, clock } = this.#components;
    const live = new LiveAnswer({ clock });
    this.live = live;
    this.liveId = null;
    this.problem = null;
    this.pending = params.text ?? null;
    let told = false;
    const { promise, resolve } = Promise.withResolvers<Begun | null>();
    this.#settle = resolve;
    this.#stream = port.open('chat', params, {
      item: action((item) => {
        if (this.live !== live) return;
        if (item.type === 'Begun') {
          this.#begun(item);
          resolve(item);
        } else if (item.type === 'Ended') {
          told = true;
          live.flush();
          this.#components.keep(item.answer);
          this.#end(true);
        } else live.take(item);
      }),
      end: action((failure) => {
        if (this.live !== live) return;
        if (this.liveId === null) this.problem = failure;
        this.#end(told);
      }),
    });
    return promise;
  }

  /** Ends the answer at once; what was said of it stays. */
  stop(): void {
    if (this.live === null) return;
    this.live.flush();
    this.#stream?.close();
    this.#end(false);
  }

  dismissProblem(): void {
    this.problem = null;
  }

  #begun({ user, answer }: Begun): void {
    if (user !== null) this.#components.keep(user);
    this.#components.keep(answer);
    const chosen = new Map(this.chosen);
    if (user !== null) chosen.set(user.parentId ?? '', user.id);
    chosen.set(answer.parentId ?? '', answer.id);
    this.chosen = chosen;
    this.pending = null;
    this.liveId = answer.id;
  }

  #end(told: boolean): void {
    this.#stream = null;
    this.#components.ended(this, told);
    this.live = null;
    this.liveId = null;
    this.pending = null;
    this.#settle(null);
  }
}
