import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { appChannels } from '../../main/core/contract/ipc-app-channel.ts';
import { MAX_CLIENT_FRAME, MAX_OPEN } from '../../main/core/contract/ipc-wire.ts';
import { IpcClient } from '../../renderer/lib/ipc-client.ts';
import { inElectron, whyNoElectron } from '../support/electron.ts';
import { IpcApp, type OpenPage } from './support/ipc-app.ts';

interface Anything {
  invoke(channel: string, ...args: unknown[]): Promise<unknown>;
}

declare global {
  interface Window {
    /** Of hostile pages only. */
    anything?: Anything;
    port?: MessagePort;
    said?: unknown[];
  }
}

/** A page that holds its port in its own hands, as no page of ours would, and keeps what comes. */
const barePort = async (): Promise<void> => {
  const arrived = new Promise<MessagePort>((resolve) => {
    window.addEventListener('message', ({ ports }) => ports[0] && resolve(ports[0]));
  });
  const answer = await window.skein?.connect();
  if (answer?.ok !== true) throw new Error(JSON.stringify(answer));
  const said: unknown[] = [];
  const port = await arrived;
  port.onmessage = ({ data }) => said.push(data);
  Object.assign(window, { port, said });
};

const helloFrame = (id: number): string =>
  JSON.stringify({ type: 'Call', id, method: 'hello', params: { protocol: 1 } });

describe.skipIf(whyNoElectron !== undefined)(inElectron('the door between pages and the app'), () => {
  const app = new IpcApp();
  let good: IpcClient;

  beforeAll(async () => {
    await app.start();
    good = new IpcClient(await app.connect());
  });
  afterAll(() => app.stop());

  const ends = (): Promise<readonly string[]> => app.ask(() => globalThis.desk.ends);
  const withPort = async (): Promise<OpenPage> => {
    const opened = await app.open('carrier.html');
    await opened.page.evaluate(barePort);
    return opened;
  };
  const lastWord = async ({ page }: OpenPage): Promise<unknown> => {
    await app.until(() =>
      page.evaluate(() => window.said?.some((each) => typeof each === 'object') === true),
    );
    return page.evaluate(() => window.said?.at(-1));
  };

  it('given a page of the app, it has the named functions, no way to Electron, and none to Node', async () => {
    const { page } = await app.open('carrier.html');
    const seen = await page.evaluate(() => {
      const bridge = window.skein as unknown as Record<string, () => void>;
      let isReplaced = true;
      try {
        Object.assign(window, { skein: {} });
        isReplaced = window.skein !== (bridge as unknown);
      } catch {
        isReplaced = false;
      }
      const reached = ['require', 'process', 'module', 'Buffer', 'ipcRenderer', 'electron', 'global'];
      return {
        functions: Object.entries(bridge).map(([name, value]) => `${name}: ${typeof value}`),
        globals: reached.filter((name) => name in window),
        // A function of the preload's own world would lead to everything that world has.
        foreign: Object.keys(bridge).filter((name) => bridge[name]?.constructor !== Function),
        isReplaced,
        frozen: Object.isFrozen(bridge),
      };
    });
    expect(seen).toEqual({
      functions: ['connect', 'info', 'changeSettings', 'update', 'onOpening'].map(
        (name) => `${name}: function`,
      ),
      globals: [],
      foreign: [],
      isReplaced: false,
      frozen: true,
    });
  });

  it.each([
    ['a page that is not of the app, at its very address', 'app://skein/other', 'Stranger', 0],
    ['the page of another origin in a window of the app', 'app://other/', 'Admitted', 0],
    ['a frame inside a page of the app', 'app://skein/framing', 'Admitted', 1],
  ] as const)('given %s, all it asks is refused and does nothing', async (_name, address, hostile, frame) => {
    const { page } = await app.open(address, hostile);
    await app.until(() => Promise.resolve(page.frames().length > frame));
    const before = await app.ask(() => [globalThis.desk.settings, globalThis.desk.updates] as const);
    const asked = await page
      .frames()
      [frame]?.evaluate(
        ({ connect, info, change, update }) =>
          Promise.all([
            window.anything?.invoke(connect),
            window.anything?.invoke(info),
            window.anything?.invoke(change, { openAtLogin: true }),
            window.anything?.invoke(update, 'Install'),
          ]),
        appChannels,
      );
    const refused = {
      ok: false,
      error: { code: 'Forbidden', message: expect.stringContaining('Skein itself') },
    };
    expect(asked).toEqual([refused, refused, refused, refused]);
    expect(await app.ask(() => [globalThis.desk.settings, globalThis.desk.updates] as const)).toEqual(before);
  });

  it('given the same powers in the right frame of the right page, it is answered: only the sender made the difference', async () => {
    const { page } = await app.open('app://skein/framing', 'Admitted');
    expect(
      await page.evaluate((channel) => window.anything?.invoke(channel), appChannels.info),
    ).toMatchObject({
      ok: true,
    });
  });

  it('given a channel that nobody serves, the settings library’s own too, there is no answer', async () => {
    const { page } = await app.open('app://skein/framing', 'Admitted');
    const asked = ['skein:quit', 'electron-store-get-data'].map((channel) =>
      page.evaluate((name) => window.anything?.invoke(name), channel),
    );
    expect((await Promise.allSettled(asked)).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  });

  it.each([
    ['a setting that is not there', 'changeSettings', { evil: 1 }],
    ['a value of the wrong kind', 'changeSettings', { openAtLogin: 'yes' }],
    ['no object', 'changeSettings', 'x'],
    ['a shortcut without end', 'changeSettings', { quickChatShortcut: 'x'.repeat(65) }],
    ['a step that is not there', 'update', 'Format'],
    ['a step that is none', 'update', { toString: 'Install' }],
  ] as const)('given %s, it is refused by name and nothing is done', async (_name, method, input) => {
    const { page } = await app.open('carrier.html');
    const before = await app.ask(() => [globalThis.desk.settings, globalThis.desk.updates] as const);
    const answer = await page.evaluate(({ name, given }) => window.skein?.[name](given as never), {
      name: method,
      given: input,
    });
    expect(answer).toMatchObject({ ok: false, error: { code: 'BadRequest' } });
    expect(await app.ask(() => [globalThis.desk.settings, globalThis.desk.updates] as const)).toEqual(before);
  });

  it('given a change that is valid, it is made and the answer has it', async () => {
    const { page } = await app.open('carrier.html');
    const answer = await page.evaluate(() => window.skein?.changeSettings({ keepAwake: true }));
    expect(answer).toMatchObject({ ok: true, value: { version: '1.2.3', settings: { keepAwake: true } } });
  });

  it.each<[string, () => void]>([
    ['an object', () => window.port?.postMessage({ type: 'Call' })],
    ['bytes', () => window.port?.postMessage(new ArrayBuffer(8))],
    ['more taken than was sent', () => window.port?.postMessage(1e9)],
    ['a text that is no frame', () => window.port?.postMessage('{"type":"Shout","id":1}')],
  ])('given %s, that page’s connection ends with a reason and others go on', async (_name, speak) => {
    const opened = await withPort();
    await opened.page.evaluate(speak);
    expect(await lastWord(opened)).toEqual({ closed: expect.stringMatching(/understood|contract/) });
    await expect(good.hello()).resolves.toBeDefined();
  });

  it('given a message beyond the bound, that page’s connection ends and others go on', async () => {
    const opened = await withPort();
    await opened.page.evaluate(
      (length) => window.port?.postMessage('x'.repeat(length)),
      MAX_CLIENT_FRAME + 1,
    );
    expect(await lastWord(opened)).toEqual({ closed: expect.stringContaining(String(MAX_CLIENT_FRAME)) });
    await expect(good.hello()).resolves.toBeDefined();
  });

  it('given a flood of streams, those beyond the bound are refused and others go on', async () => {
    const { page } = await withPort();
    await page.evaluate((count) => {
      for (let id = 1; id <= count; id += 1) {
        const frame = { type: 'Open', id, stream: 'telemetry', params: {}, credit: 1 };
        window.port?.postMessage(JSON.stringify(frame));
      }
    }, 5_000);
    await expect(good.hello()).resolves.toBeDefined();
    const refused = (): Promise<number> =>
      page.evaluate(() => window.said?.filter((each) => String(each).includes('"TooMany"')).length ?? 0);
    await app.until(async () => (await refused()) === 5_000 - MAX_OPEN);
  });

  it('given a second connection of one page, the first is told and ends', async () => {
    const opened = await withPort();
    await opened.page.evaluate(() => void window.skein?.connect());
    expect(await lastWord(opened)).toEqual({ closed: 'the page asked for another connection' });
  });

  it('given a port that a page sends away, its session still ends with the page', async () => {
    const { page } = await withPort();
    await page.evaluate((frame) => {
      const code = 'onmessage = ({ data, ports }) => ports[0].postMessage(data)';
      const worker = new Worker(URL.createObjectURL(new Blob([code])));
      if (window.port !== undefined) worker.postMessage(frame, [window.port]);
    }, helloFrame(1));
    const before = (await ends()).length;
    await page.reload();
    await app.until(async () => (await ends()).length > before);
    expect((await ends()).at(-1)).toBe('the page is loaded anew');
  });

  it.each([
    ['crashes', 'Crash', 'the page crashed'],
    ['is closed', 'Close', 'the page was closed'],
  ] as const)('given a page that %s, its session ends with what was open', async (_name, how, reason) => {
    const { key, page } = await withPort();
    await page.evaluate(() =>
      window.port?.postMessage(
        JSON.stringify({ type: 'Open', id: 1, stream: 'telemetry', params: {}, credit: 1_000 }),
      ),
    );
    const before = (await ends()).length;
    await app.ask(({ key: which, how: way }) => globalThis.desk.end(which, way), { key, how });
    await app.until(async () => (await ends()).length > before);
    expect((await ends()).slice(before)).toEqual([expect.stringMatching(new RegExp(`${reason}|closed it`))]);
  });

  it('given what the shell wants shown before the page listens, it is told once the page does', async () => {
    const { key, page } = await app.open('carrier.html');
    await app.ask((which) => globalThis.desk.tell(which, { type: 'View', view: 'models' }), key);
    await app.ask((which) => globalThis.desk.tell(which, { type: 'Pair', code: 'K7QM2-X9F4T' }), key);
    const heard = await page.evaluate(async () => {
      const openings: unknown[] = [];
      window.skein?.onOpening((opening) => openings.push(opening));
      await new Promise((resolve) => setTimeout(resolve, 0));
      return openings;
    });
    expect(heard).toEqual([
      { type: 'View', view: 'models' },
      { type: 'Pair', code: 'K7QM2-X9F4T' },
    ]);
  });

  it('given no node, as between two, a page is told to try again', async () => {
    const { page } = await app.open('carrier.html');
    await app.ask(() => globalThis.desk.stopNode());
    await app.until(async () => !(await app.ask(() => globalThis.desk.hasNode)));
    expect(await page.evaluate(() => window.skein?.connect())).toMatchObject({
      ok: false,
      error: { code: 'Unavailable' },
    });
  });
});
