import { powerMonitor, powerSaveBlocker } from 'electron';

/** What happens around the computer's sleep. */
export interface PowerListener {
  readonly onSleep: () => void;
  readonly onWake: () => void;
  /** The computer is shut down, or the person logs out: nobody can be asked any more. */
  readonly onShutdown: () => void;
}

/** Sleep, wake and shutdown of the computer, and keeping it awake while there is a reason. */
export class Power {
  #blocker: number | undefined;

  constructor({ onSleep, onWake, onShutdown }: PowerListener) {
    powerMonitor.on('suspend', onSleep);
    powerMonitor.on('resume', onWake);
    powerMonitor.on('shutdown', onShutdown);
  }

  get staysAwake(): boolean {
    return this.#blocker !== undefined;
  }

  /** The display may still sleep, and so does a notebook whose lid is closed. */
  stayAwake(wanted: boolean): void {
    if (wanted === this.staysAwake) return;
    if (this.#blocker === undefined) {
      this.#blocker = powerSaveBlocker.start('prevent-app-suspension');
    } else {
      powerSaveBlocker.stop(this.#blocker);
      this.#blocker = undefined;
    }
  }
}
