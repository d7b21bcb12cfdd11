import { SECOND } from '../core/unit.ts';
import type { Clock } from './clock.ts';
import type { Config } from './config.ts';
import type { Log } from './log.ts';
import type { SkeinNode } from './skein-node.ts';

/** How long a stop may take before the process can't go on; the stop ladder of the runners is shorter. */
export const STOP_MS = 20 * SECOND;

/** `Stopped`: somebody asked for it. `Broken`: its state can't be written, or it could not be built anew. */
export type LifeEnd = { readonly type: 'Stopped' } | { readonly type: 'Broken'; readonly problem: Error };

export interface NodeLifeComponents {
  readonly clock: Clock;
  readonly log: Log;
  readonly build: (
    config: Config,
    on: { readonly onBroken: (problem: Error) => void; readonly onLeft: () => void },
  ) => SkeinNode;
}

export interface NodeLifeInit {
  readonly config: Config;
  /** A node answers from now on. */
  readonly onUp: (node: SkeinNode) => void | Promise<void>;
  /** It does no more. */
  readonly onDown: () => void;
}

/** One node after the other in one data folder: built anew when it left its cluster, and after a sleep. */
export class NodeLife {
  readonly #components: NodeLifeComponents;
  readonly #init: NodeLifeInit;
  readonly #ended = Promise.withResolvers<LifeEnd>();
  #node: SkeinNode | undefined;
  /** The API stays where it was found first, also when any port was fine. */
  #port: number;
  #isWanted = false;
  #isOver = false;
  #turn: Promise<void> = Promise.resolve();

  constructor(components: NodeLifeComponents, init: NodeLifeInit) {
    this.#components = components;
    this.#init = init;
    this.#port = init.config.port;
  }

  /** Undefined between two nodes. */
  get node(): SkeinNode | undefined {
    return this.#node;
  }

  /** Resolves once, when no node follows. */
  get ended(): Promise<LifeEnd> {
    return this.#ended.promise;
  }

  /** Rejects when the first node can't start. */
  start(): Promise<void> {
    this.#isWanted = true;
    return this.#inTurn(() => this.#begin());
  }

  /** May be called twice, and at any time; resolves after `STOP_MS` at the latest. */
  async stop(): Promise<void> {
    this.#isWanted = false;
    this.#isOver = true;
    // Also a node that never comes up would be waited for.
    await this.#inTime(this.#inTurn(() => this.#halt()));
    this.#ended.resolve({ type: 'Stopped' });
  }

  /** The computer is about to sleep: others are told at once. A node without others just sleeps with it. */
  async sleep(): Promise<void> {
    if (this.#isOver || this.#node?.hasPeers !== true) return;
    this.#isWanted = false;
    this.#components.log.info('This computer goes to sleep: the node leaves until it wakes');
    await this.#node.sayGoodbye();
    await this.#inTurn(() => (this.#isWanted ? Promise.resolve() : this.#halt()));
  }

  /** No effect on a node that is there. */
  async wake(): Promise<void> {
    if (this.#isOver || this.#isWanted) return;
    this.#isWanted = true;
    await this.#again();
  }

  #again(): Promise<void> {
    return this.#inTurn(async () => {
      await this.#halt();
      if (!this.#isWanted) return;
      await this.#begin().catch((problem: unknown) => this.#break(problem));
    });
  }

  async #begin(): Promise<void> {
    if (this.#isOver) return;
    const node = this.#components.build(
      { ...this.#init.config, port: this.#port },
      { onBroken: (problem) => this.#break(problem), onLeft: () => void this.#again() },
    );
    try {
      await node.start();
    } catch (problem) {
      // It may have come up: what is left of it would keep the process alive.
      await node.stop().catch(() => undefined);
      throw problem;
    }
    this.#node = node;
    this.#port = Number(new URL(node.address ?? '').port);
    await this.#init.onUp(node);
  }

  async #halt(): Promise<void> {
    const node = this.#node;
    if (node === undefined) return;
    this.#node = undefined;
    this.#init.onDown();
    const stopped = node.stop().catch((problem: unknown) => {
      // It is past use, and whoever waits for its end must hear of it.
      this.#components.log.error('A part of the node did not stop as it should', { problem });
    });
    await this.#inTime(stopped);
  }

  async #inTime(stopped: Promise<void>): Promise<void> {
    let cancel: () => void = () => undefined;
    const late = new Promise<void>((resolve) => {
      cancel = this.#components.clock.after(STOP_MS, resolve);
    });
    await Promise.race([stopped, late]).finally(cancel);
  }

  #break(problem: unknown): void {
    this.#isOver = true;
    this.#ended.resolve({
      type: 'Broken',
      problem: problem instanceof Error ? problem : new Error(String(problem)),
    });
  }

  #inTurn(action: () => Promise<void>): Promise<void> {
    const turn = this.#turn.then(action);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }
}
