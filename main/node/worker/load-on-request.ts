import type { Command, Refusal } from '../../core/command.ts';
import type { CommandId } from '../../core/id.ts';
import type { MetaInstance } from '../../core/meta-instance.ts';
import { phaseOf, type Phase } from '../../core/phase.ts';
import type { Result } from '../../core/result.ts';
import type { ClusterState } from '../../core/state.ts';
import { MINUTE } from '../../core/unit.ts';
import { isIdle, values } from '../../core/view.ts';
import type { Clock } from '../clock.ts';

export interface LoadOnRequestComponents {
  readonly clock: Clock;
  readonly submit: (command: Command) => Promise<Result<unknown, Refusal>>;
  readonly newCommandId: () => CommandId;
}

export interface LoadOnRequestInit {
  readonly state: () => ClusterState;
  /** How long one chat waits at most. */
  readonly loadMs?: number;
}

/** Chats that may wait at one time; further ones are answered at once. */
const MOST_WAITING = 256;

/** Phases that lead to Ready by themselves. */
const underWay: ReadonlySet<Phase> = new Set([
  'PLACING',
  'DOWNLOADING',
  'LOADING',
  'WARMING UP',
  'RETRYING',
  'READY',
  'RUNNING',
]);

/** Lets a chat for a model that is unloaded while idle ask for it and wait until it answers, for a bounded time [L20]. */
export class LoadOnRequest {
  readonly #components: LoadOnRequestComponents;
  readonly #init: LoadOnRequestInit;
  readonly #waiting = new Set<() => void>();

  constructor(components: LoadOnRequestComponents, init: LoadOnRequestInit) {
    this.#components = components;
    this.#init = init;
  }

  /** Called for each event on disk. */
  onEntry(): void {
    for (const look of [...this.#waiting]) look();
  }

  /**
   * @param look tries to start; called again whenever something changed
   * @returns the first outcome that is not `first`'s kind of refusal, or the last one when none comes in time
   */
  async until<Outcome extends { readonly ok: boolean }>(
    target: string,
    first: Outcome,
    look: () => Outcome,
  ): Promise<Outcome> {
    const { clock } = this.#components;
    if (this.#unloadable(target).length === 0 || this.#waiting.size >= MOST_WAITING) return first;
    const deadline = clock.monotonic() + (this.#init.loadMs ?? 2 * MINUTE);
    await this.#ask(target);
    for (;;) {
      const outcome = look();
      const leftMs = deadline - clock.monotonic();
      const comes = this.#unloadable(target).some((each) => underWay.has(phaseOf(this.#init.state(), each)));
      if (outcome.ok || leftMs <= 0 || !comes) return outcome;
      await this.#change(leftMs);
    }
  }

  /** One that is on its way already is enough. */
  async #ask(target: string): Promise<void> {
    const all = this.#unloadable(target);
    const [idle] = all;
    if (idle === undefined || !all.every(isIdle)) return;
    const { submit, newCommandId } = this.#components;
    const { metaInstanceId } = idle;
    // Refused = deleted or paused meanwhile: the next look says so.
    await submit({ type: 'LoadMetaInstance', commandId: newCommandId(), metaInstanceId });
  }

  #change(mostMs: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        cancel();
        this.#waiting.delete(done);
        resolve();
      };
      const cancel = this.#components.clock.after(mostMs, done);
      this.#waiting.add(done);
    });
  }

  #unloadable(target: string): MetaInstance[] {
    return values(this.#init.state().metaInstances).filter(
      ({ metaInstanceId, card, spec, deleting }) =>
        !deleting &&
        spec.paused !== true &&
        spec.idleUnloadSeconds !== undefined &&
        (metaInstanceId === target || card.modelId === target),
    );
  }
}
