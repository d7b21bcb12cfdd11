import type { Config } from '../../main/node/config.ts';
import type { Log } from '../../main/node/log.ts';
import { NodeLife } from '../../main/node/node-life.ts';
import type { SkeinNode } from '../../main/node/skein-node.ts';
import { FakeClock } from './fake-clock.ts';

const silent: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/** How a node of a fake life behaves where it matters to the life. */
export interface LifeNodeScript {
  readonly hasPeers?: boolean;
  /** Rejects, or never settles, as a start may. */
  readonly start?: () => Promise<void>;
  readonly stop?: () => Promise<void>;
}

/** A node without anything inside: it notes what its life asks of it. */
export class LifeNode implements SkeinNode {
  readonly port: number;
  readonly isNew = false;
  readonly hasPeers: boolean;
  readonly #said: (what: string) => void;
  readonly #script: LifeNodeScript;

  constructor({ said, port }: { said: (what: string) => void; port: number }, script: LifeNodeScript) {
    this.#said = said;
    this.#script = script;
    // As the system gives one where any is fine.
    this.port = port === 0 ? 4_321 : port;
    this.hasPeers = script.hasPeers ?? false;
  }

  get api(): never {
    throw new Error('a life asks its node for nothing of that');
  }

  get handlers(): never {
    throw new Error('a life asks its node for nothing of that');
  }

  get address(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async start(): Promise<void> {
    this.#said(`starts on ${this.port}`);
    await this.#script.start?.();
  }

  async stop(): Promise<void> {
    this.#said('stops');
    await this.#script.stop?.();
  }

  sayGoodbye(): Promise<void> {
    this.#said('says goodbye');
    return Promise.resolve();
  }
}

export interface FakeLife {
  readonly life: NodeLife;
  readonly clock: FakeClock;
  /** What happened, oldest first, with the number of the node in front. */
  readonly happened: string[];
  /** As the newest node would tell it. */
  readonly leave: () => void;
  readonly breakDown: (problem: Error) => void;
}

/** A life whose nodes follow the scripts, one after the other; the last script holds for all that follow. */
export function fakeLife(...scripts: readonly LifeNodeScript[]): FakeLife {
  const clock = new FakeClock();
  const happened: string[] = [];
  let newest = { onBroken: (_problem: Error): void => {}, onLeft: (): void => {} };
  let count = 0;
  const life = new NodeLife(
    {
      clock,
      log: silent,
      build: ({ port }, on) => {
        newest = on;
        const number = (count += 1);
        const said = (what: string): void => void happened.push(`${number} ${what}`);
        return new LifeNode({ said, port }, scripts[Math.min(number, scripts.length) - 1] ?? {});
      },
    },
    {
      config: { port: 0 } as Config,
      onUp: () => void happened.push('up'),
      onDown: () => void happened.push('down'),
    },
  );
  return {
    life,
    clock,
    happened,
    leave: () => newest.onLeft(),
    breakDown: (problem) => newest.onBroken(problem),
  };
}
