import { Refusal, type Command } from '../../core/command.ts';
import type { Outcome } from '../../core/election/message.ts';
import type { CommandId, NodeId } from '../../core/id.ts';
import { ok, refused, type Result } from '../../core/result.ts';
import { SECOND } from '../../core/unit.ts';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';

/**
 * Nobody could say in time what became of a command. It may have been taken: asked again with the same id it takes
 * effect once.
 */
export class NoMasterError extends Error {
  override readonly name = 'NoMasterError';
}

export type Submitted = Result<{ readonly index: number }, Refusal>;

export interface CommandsComponents {
  readonly clock: Clock;
  readonly log: Log;
}

export interface CommandsInit {
  /** Whom to ask now; null = nobody leads. */
  readonly master: () => NodeId | null;
  /** Index of the last event that this node has applied. */
  readonly applied: () => number;
  /** Hands it to the master, by whatever way; it may get lost. */
  readonly send: (command: Command) => void;
  /** How long one waits for its answer. */
  readonly patienceMs?: number;
}

interface Asked {
  readonly command: Command;
  readonly deadline: number;
  readonly promise: Promise<Submitted>;
  readonly resolve: (submitted: Submitted) => void;
  readonly reject: (problem: NoMasterError) => void;
  sentTo: NodeId | null;
  sentAt: number;
  /** What this node's own state must have before the caller hears of it; null = not answered yet. */
  index: number | null;
}

const PATIENCE_MS = 10 * SECOND;
/** A word may get lost on its way over other nodes. */
const RESEND_MS = SECOND;
const LOOK_MS = 200;
const MOST_ASKED = 1_000;

/** The commands that were asked at this node, until they are answered: by this node itself or by whoever leads. */
export class Commands {
  readonly #components: CommandsComponents;
  readonly #init: CommandsInit;
  readonly #asked = new Map<CommandId, Asked>();
  #cancelLook: (() => void) | null = null;
  #closed = false;

  constructor(components: CommandsComponents, init: CommandsInit) {
    this.#components = components;
    this.#init = init;
  }

  /**
   * Resolves once the command is answered and this node has applied what it came to.
   * Rejects with `NoMasterError` when that takes too long.
   */
  submit(command: Command): Promise<Submitted> {
    if (this.#closed) return Promise.reject(new NoMasterError('This node is stopping; ask another one.'));
    const same = this.#asked.get(command.commandId);
    if (same !== undefined) return same.promise;
    if (this.#asked.size >= MOST_ASKED) {
      const message = `${MOST_ASKED} commands wait for an answer at this node already. Ask again in a moment.`;
      return Promise.reject(new NoMasterError(message));
    }
    const deadline = this.#components.clock.monotonic() + (this.#init.patienceMs ?? PATIENCE_MS);
    const asked: Asked = {
      command,
      deadline,
      sentTo: null,
      sentAt: 0,
      index: null,
      ...Promise.withResolvers<Submitted>(),
    };
    this.#asked.set(command.commandId, asked);
    this.look();
    return asked.promise;
  }

  /** A reply of the master. Twice is once. */
  answered(commandId: CommandId, outcome: Outcome, index: number): void {
    const asked = this.#asked.get(commandId);
    if (asked === undefined) return;
    if (outcome.type === 'Accepted') {
      asked.index = Math.max(asked.index ?? 0, index);
      this.look();
      return;
    }
    this.#asked.delete(commandId);
    asked.resolve(refused(refusalOf(outcome)));
  }

  /** The master changed, or this node applied something. */
  look(): void {
    if (this.#closed) return;
    for (const asked of [...this.#asked.values()]) this.#lookAt(asked);
    if (this.#asked.size === 0 || this.#cancelLook !== null) return;
    this.#cancelLook = this.#components.clock.after(LOOK_MS, () => {
      this.#cancelLook = null;
      this.look();
    });
  }

  /** Whoever waits is told so. May be called twice. */
  close(): void {
    this.#closed = true;
    this.#cancelLook?.();
    for (const { command, reject } of this.#asked.values()) {
      reject(
        new NoMasterError(`This node stops before ${command.type} was answered. Ask another node again.`),
      );
    }
    this.#asked.clear();
  }

  #lookAt(asked: Asked): void {
    const { command, index } = asked;
    if (index !== null && this.#init.applied() >= index) {
      this.#asked.delete(command.commandId);
      asked.resolve(ok({ index }));
      return;
    }
    const now = this.#components.clock.monotonic();
    if (now >= asked.deadline) {
      this.#asked.delete(command.commandId);
      asked.reject(new NoMasterError(this.#why(asked)));
      return;
    }
    const master = this.#init.master();
    if (index !== null || master === null) return;
    if (asked.sentTo === master && now < asked.sentAt + RESEND_MS) return;
    if (asked.sentTo !== null && asked.sentTo !== master) {
      this.#components.log.info('The master changed; a command is sent again', {
        command: command.type,
        commandId: command.commandId,
        master,
      });
    }
    asked.sentTo = master;
    asked.sentAt = now;
    this.#init.send(command);
  }

  #why({ command, sentTo, index }: Asked): string {
    const seconds = Math.round((this.#init.patienceMs ?? PATIENCE_MS) / SECOND);
    if (index !== null) {
      return `${command.type} is done, but this node has not caught up with the others for ${seconds} s. Look again in a moment, or ask another node.`;
    }
    if (sentTo === null) {
      return `No node leads the cluster for ${seconds} s, so ${command.type} was not decided. Skein elects a master as soon as it can; ask again in a moment. \`skein doctor\` tells what is wrong.`;
    }
    return `The master did not answer ${command.type} for ${seconds} s. It may have been taken; see whether it is there before you ask again.`;
  }
}

function refusalOf({ code, message }: Extract<Outcome, { type: 'Refused' }>): Refusal {
  const known = Refusal.shape.code.safeParse(code);
  // A newer release's word; what it says to people is the same.
  return { code: known.success ? known.data : 'NotSupported', message };
}
