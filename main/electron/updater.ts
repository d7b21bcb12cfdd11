import type { AppSettings, UpdateState, UpdateStep } from '../core/contract/ipc-app.ts';
import { MINUTE } from '../core/unit.ts';
import type { Clock } from '../node/clock.ts';
import type { Log } from '../node/log.ts';

/** What of `electron-updater` is used; the real one is loaded when it is first needed. */
export interface UpdateFeed {
  autoDownload: boolean;
  autoInstallOnAppQuit: boolean;
  /** Setting it allows older versions. */
  channel: string | null;
  allowDowngrade: boolean;
  checkForUpdates(): Promise<{
    readonly isUpdateAvailable: boolean;
    readonly updateInfo: { readonly version: string };
  } | null>;
  downloadUpdate(): Promise<unknown>;
  quitAndInstall(): void;
  on(event: 'download-progress', listener: (progress: { readonly percent: number }) => void): unknown;
  on(event: 'error', listener: (problem: Error) => void): unknown;
}

export interface UpdaterComponents {
  readonly clock: Clock;
  readonly log: Log;
  /** Null = this build can't be replaced; says why. */
  readonly feed: (() => Promise<UpdateFeed>) | { readonly reason: string };
  readonly onChange: (state: UpdateState) => void;
  /** Ends the app in order; the feed then installs. */
  readonly beforeInstall: () => Promise<void>;
  /** Starts the app anew as it is: it had ended, and could not be replaced. */
  readonly restart: () => void;
}

/** macOS checks and unpacks some hundred megabytes. */
const INSTALL_MS = 5 * MINUTE;

/** Newer versions of the app, step by step as a person asks: look, fetch, install. Nothing happens by itself. */
export class Updater {
  readonly #components: UpdaterComponents;
  #channel: AppSettings['updateChannel'];
  #state: UpdateState;
  #feed: Promise<UpdateFeed> | undefined;

  constructor(components: UpdaterComponents, init: { readonly channel: AppSettings['updateChannel'] }) {
    this.#components = components;
    this.#channel = init.channel;
    const { feed } = components;
    this.#state =
      typeof feed === 'function' ? { type: 'Idle' } : { type: 'Unavailable', reason: feed.reason };
  }

  get state(): UpdateState {
    return this.#state;
  }

  /** What was found on another channel counts no more. */
  useChannel(channel: AppSettings['updateChannel']): void {
    if (channel === this.#channel) return;
    this.#channel = channel;
    if (this.#state.type !== 'Unavailable') this.#become({ type: 'Idle' });
  }

  /** A step that does not follow from the present state has no effect. */
  step(step: UpdateStep): void {
    const { type } = this.#state;
    switch (step) {
      case 'Check':
        if (type === 'Idle' || type === 'Failed' || type === 'Found') void this.#guarded(this.#check());
        return;
      case 'Fetch':
        if (this.#state.type === 'Found') void this.#guarded(this.#fetch(this.#state.version));
        return;
      case 'Install':
        if (type === 'Fetched') void this.#guarded(this.#install());
    }
  }

  async #check(): Promise<void> {
    this.#become({ type: 'Checking' });
    const found = await (await this.#open()).checkForUpdates();
    this.#become(
      found?.isUpdateAvailable === true
        ? { type: 'Found', version: found.updateInfo.version }
        : { type: 'Idle' },
    );
  }

  async #fetch(version: string): Promise<void> {
    this.#become({ type: 'Fetching', version, percent: 0 });
    await (await this.#open()).downloadUpdate();
    this.#become({ type: 'Fetched', version });
  }

  async #install(): Promise<void> {
    const feed = await this.#open();
    const { beforeInstall, clock, log, restart } = this.#components;
    await beforeInstall();
    const again = once((problem: Error) => {
      log.error('The newer version could not be installed; the app starts again as it was', { problem });
      restart();
    });
    feed.on('error', again);
    clock.after(INSTALL_MS, () => again(new Error('It took too long.')));
    feed.quitAndInstall();
  }

  async #open(): Promise<UpdateFeed> {
    const { feed } = this.#components;
    if (typeof feed !== 'function') throw new Error(feed.reason);
    this.#feed ??= feed().then((opened) => {
      opened.autoDownload = false;
      opened.autoInstallOnAppQuit = false;
      opened.on('download-progress', ({ percent }) => {
        const { version } = this.#state.type === 'Fetching' ? this.#state : { version: undefined };
        if (version !== undefined) this.#become({ type: 'Fetching', version, percent: clamp(percent) });
      });
      return opened;
    });
    const opened = await this.#feed;
    opened.channel = this.#channel;
    opened.allowDowngrade = false;
    return opened;
  }

  async #guarded(step: Promise<void>): Promise<void> {
    try {
      await step;
    } catch (problem) {
      this.#components.log.warn('A newer version could not be had', { problem });
      const message = problem instanceof Error ? problem.message : String(problem);
      this.#become({ type: 'Failed', message: message.slice(0, 1_000) });
    }
  }

  #become(state: UpdateState): void {
    this.#state = state;
    this.#components.onChange(state);
  }
}

/** Only its first call counts. */
function once<T>(call: (value: T) => void): (value: T) => void {
  let isDone = false;
  return (value) => {
    if (isDone) return;
    isDone = true;
    call(value);
  };
}

const clamp = (percent: number): number => Math.min(100, Math.max(0, Math.round(percent)));
