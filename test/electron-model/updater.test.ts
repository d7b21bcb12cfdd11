import { describe, expect, it, vi } from 'vitest';
import type { UpdateState } from '../../main/core/contract/ipc-app.ts';
import { MINUTE } from '../../main/core/unit.ts';
import { Updater, type UpdateFeed } from '../../main/electron/updater.ts';
import type { Log } from '../../main/node/log.ts';
import { FakeClock } from '../support/fake-clock.ts';

const silent: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const INSTALLED = 5;

/** Decides as `electron-updater` does, whose channel, once set, takes older versions too. Versions are whole numbers. */
class Feed implements UpdateFeed {
  autoDownload = true;
  autoInstallOnAppQuit = true;
  allowDowngrade = false;
  installed = 0;
  problem: Error | undefined;
  readonly #newest: Readonly<Record<string, number>>;
  #channel: string | null = null;
  #onProgress: (progress: { readonly percent: number }) => void = () => {};
  fail: (problem: Error) => void = () => {};

  constructor(newest: Readonly<Record<string, number>>) {
    this.#newest = newest;
  }

  get channel(): string | null {
    return this.#channel;
  }

  set channel(value: string | null) {
    this.#channel = value;
    this.allowDowngrade = true;
  }

  checkForUpdates(): ReturnType<UpdateFeed['checkForUpdates']> {
    if (this.problem !== undefined) return Promise.reject(this.problem);
    const version = this.#newest[this.#channel ?? 'latest'] ?? 0;
    const isUpdateAvailable = version > INSTALLED || (this.allowDowngrade && version < INSTALLED);
    return Promise.resolve({ isUpdateAvailable, updateInfo: { version: String(version) } });
  }

  downloadUpdate(): Promise<unknown> {
    this.#onProgress({ percent: 41.6 });
    return Promise.resolve();
  }

  quitAndInstall(): void {
    this.installed += 1;
  }

  readonly on = (event: 'download-progress' | 'error', listener: (about: never) => void): void => {
    if (event === 'error') this.fail = listener as typeof this.fail;
    else this.#onProgress = listener as (progress: { readonly percent: number }) => void;
  };
}

function updaterOf(feed: Feed): {
  updater: Updater;
  states: UpdateState[];
  ended: () => number;
  restarts: () => number;
  clock: FakeClock;
} {
  const clock = new FakeClock();
  let restarts = 0;
  const states: UpdateState[] = [];
  let ended = 0;
  const updater = new Updater(
    {
      clock,
      log: silent,
      feed: () => Promise.resolve(feed),
      onChange: (state) => states.push(state),
      beforeInstall: () => Promise.resolve(void (ended += 1)),
      restart: () => (restarts += 1),
    },
    { channel: 'latest' },
  );
  return { updater, states, ended: () => ended, restarts: () => restarts, clock };
}

const settled = (updater: Updater, type: UpdateState['type']): Promise<void> =>
  vi.waitFor(() => expect(updater.state.type).toBe(type));

describe('newer versions of the app', () => {
  it('given a newer one, each step waits for a person, and the app ends before it is replaced', async () => {
    const feed = new Feed({ latest: 6 });
    const { updater, states, ended } = updaterOf(feed);
    updater.step('Check');
    await settled(updater, 'Found');
    expect([feed.autoDownload, feed.autoInstallOnAppQuit, feed.installed]).toEqual([false, false, 0]);
    updater.step('Fetch');
    await settled(updater, 'Fetched');
    expect([ended(), feed.installed]).toEqual([0, 0]);
    updater.step('Install');
    await vi.waitFor(() => expect([ended(), feed.installed]).toEqual([1, 1]));
    expect(states).toEqual([
      { type: 'Checking' },
      { type: 'Found', version: '6' },
      { type: 'Fetching', version: '6', percent: 0 },
      { type: 'Fetching', version: '6', percent: 42 },
      { type: 'Fetched', version: '6' },
    ]);
  });

  it.each([
    ['the same', INSTALLED],
    ['an older one, as whoever holds back fixes would offer', INSTALLED - 1],
  ])('given %s, there is nothing newer', async (_name, latest) => {
    const { updater, states } = updaterOf(new Feed({ latest }));
    updater.step('Check');
    await vi.waitFor(() => expect(states).toEqual([{ type: 'Checking' }, { type: 'Idle' }]));
  });

  it('given another channel, what was found on the first counts no more', async () => {
    const { updater } = updaterOf(new Feed({ latest: 6, beta: 8 }));
    updater.step('Check');
    await settled(updater, 'Found');
    updater.useChannel('beta');
    expect(updater.state).toEqual({ type: 'Idle' });
    updater.step('Fetch');
    expect(updater.state).toEqual({ type: 'Idle' });
    updater.step('Check');
    await vi.waitFor(() => expect(updater.state).toEqual({ type: 'Found', version: '8' }));
  });

  it('given a feed that can not be reached, it says why and may be asked again', async () => {
    const feed = new Feed({ latest: 6 });
    feed.problem = new Error('no network');
    const { updater } = updaterOf(feed);
    updater.step('Check');
    await vi.waitFor(() => expect(updater.state).toEqual({ type: 'Failed', message: 'no network' }));
    feed.problem = undefined;
    updater.step('Check');
    await settled(updater, 'Found');
  });

  it.each([
    ['macOS refuses it', (feed: Feed) => Promise.resolve(feed.fail(new Error('its signature is another')))],
    ['nothing happens', (_feed: Feed, clock: FakeClock) => clock.advance(5 * MINUTE)],
  ])(
    'given an app that has ended to be replaced, and %s, it starts again as it was, once',
    async (_name, happen) => {
      const feed = new Feed({ latest: 6 });
      const { updater, restarts, clock } = updaterOf(feed);
      updater.step('Check');
      await settled(updater, 'Found');
      updater.step('Fetch');
      await settled(updater, 'Fetched');
      updater.step('Install');
      await vi.waitFor(() => expect(feed.installed).toBe(1));
      expect(restarts()).toBe(0);
      await happen(feed, clock);
      expect(restarts()).toBe(1);
      feed.fail(new Error('and again'));
      expect(restarts()).toBe(1);
    },
  );
});
