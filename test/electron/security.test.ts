import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../support/e2e-until.ts';
import { inElectron, whyNoElectron } from '../support/electron.ts';
import { asked } from './support/asked.ts';
import { DeskApp, PATIENCE_MS } from './support/desk-app.ts';

/** What the main process saw of what a page tried. */
interface Seen {
  /** Addresses that a page was not let go to. */
  readonly refused: string[];
  /** Addresses that the system's browser was asked for. */
  readonly outward: string[];
  readonly downloads: { readonly url: string; readonly isDenied: boolean }[];
}

interface Trying {
  /** Set by whatever runs that must not. */
  ran?: boolean;
}

/** Electron's checklist, on the app itself: https://www.electronjs.org/docs/latest/tutorial/security */
describe.skipIf(whyNoElectron !== undefined)(inElectron('what a page of the app can not do'), () => {
  const desk = new DeskApp();
  const heard: string[] = [];
  let server: Server;
  let outside: string;
  let page: Page;

  beforeAll(async () => {
    server = createServer(({ url }, answer) => {
      heard.push(url ?? '');
      answer.setHeader('access-control-allow-origin', '*').end('globalThis.ran = true');
    }).listen(0, '127.0.0.1');
    await until('it listens', () => server.listening);
    outside = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    await desk.prepare();
    ({ page } = await desk.start());
    await page.getByText('Welcome to Skein').waitFor();
    await asked(() =>
      desk.app.evaluate(({ BrowserWindow, session, shell }) => {
        const seen: Seen = { refused: [], outward: [], downloads: [] };
        Object.assign(globalThis, { seen });
        shell.openExternal = (url) => Promise.resolve(void seen.outward.push(url));
        // The first of the events that can refuse it; the app's own ear comes before this one.
        const page = BrowserWindow.getAllWindows()[0]?.webContents;
        page?.on('will-frame-navigate', ({ url, defaultPrevented }) => {
          if (defaultPrevented) seen.refused.push(url);
        });
        session.defaultSession.on('will-download', (event, item) => {
          seen.downloads.push({ url: item.getURL(), isDenied: event.defaultPrevented });
          // Else a box of the system's would ask where to.
          event.preventDefault();
        });
      }),
    );
  });
  afterAll(async () => {
    await desk.close();
    server.closeAllConnections();
    server.close();
  });

  const seen = (): Promise<Seen> =>
    asked(() => desk.app.evaluate(() => (globalThis as unknown as { seen: Seen }).seen));
  /** The page is as it was, and nothing came to where it tried to go. */
  const nothingHappened = async (): Promise<void> => {
    expect(heard).toEqual([]);
    expect(await page.evaluate(() => (globalThis as Trying).ran)).toBeUndefined();
    expect(page.url()).toMatch(/^app:\/\/skein\/index\.html/);
    expect(await page.getByText('Welcome to Skein').isVisible()).toBe(true);
    expect(
      await asked(() => desk.app.evaluate(({ webContents }) => webContents.getAllWebContents().length)),
    ).toBe(1);
  };

  it('reach Node or Electron: its window is isolated, sandboxed and without them', async () => {
    const preferences = await asked(() =>
      desk.app.evaluate(({ BrowserWindow }) => {
        const contents = BrowserWindow.getAllWindows()[0]?.webContents as
          { getLastWebPreferences(): Electron.WebPreferences | null } | undefined;
        return contents?.getLastWebPreferences() ?? undefined;
      }),
    );
    expect(preferences).toMatchObject({
      sandbox: true,
      contextIsolation: true,
      nodeIntegration: false,
      nodeIntegrationInSubFrames: false,
      webviewTag: false,
      webSecurity: true,
      allowRunningInsecureContent: false,
      experimentalFeatures: false,
    });
    const reached = await page.evaluate(() =>
      ['require', 'process', 'module', 'Buffer', 'global', 'electron', 'ipcRenderer'].filter(
        (name) => name in globalThis,
      ),
    );
    expect(reached).toEqual([]);
    const inWorker = await page.evaluate(
      () =>
        new Promise((resolve) => {
          const script = new Blob(['postMessage([typeof require, typeof process])']);
          const worker = new Worker(URL.createObjectURL(script));
          worker.onmessage = ({ data }) => resolve(data);
        }),
    );
    expect(inWorker).toEqual(['undefined', 'undefined']);
  });

  it.each<[string, string, (outside: string) => unknown]>([
    [
      'run a script that stands in the page',
      'script-src-elem',
      () => {
        document.body.append(
          Object.assign(document.createElement('script'), { text: 'globalThis.ran = true' }),
        );
      },
    ],
    [
      'run a script from elsewhere',
      'script-src-elem',
      (from) => {
        document.body.append(Object.assign(document.createElement('script'), { src: `${from}/script` }));
      },
    ],
    [
      'run what an attribute says',
      'script-src-attr',
      () => {
        const button = document.createElement('button');
        button.setAttribute('onclick', 'globalThis.ran = true');
        button.click();
      },
    ],
    [
      'make code of a text',
      'script-src',
      () => {
        const make = Reflect.get(globalThis, 'eval') as (text: string) => unknown;
        setTimeout(() => make('globalThis.ran = true'), 0);
      },
    ],
    [
      'style itself by an attribute',
      'style-src-attr',
      () => {
        document.body.insertAdjacentHTML('beforeend', '<i style="color: red"></i>');
      },
    ],
    [
      'show an image from elsewhere',
      'img-src',
      (from) => {
        new Image().src = `${from}/image`;
      },
    ],
    [
      'fetch from elsewhere',
      'connect-src',
      (from) => {
        fetch(`${from}/fetch`).catch(() => undefined);
      },
    ],
    [
      'open a socket',
      'connect-src',
      (from) => {
        new WebSocket(from.replace('http', 'ws'));
      },
    ],
    [
      'send a beacon',
      'connect-src',
      (from) => {
        navigator.sendBeacon(`${from}/beacon`, 'x');
      },
    ],
    [
      'frame another page',
      'frame-src',
      (from) => {
        document.body.append(Object.assign(document.createElement('iframe'), { src: `${from}/frame` }));
      },
    ],
    [
      'embed an object',
      'object-src',
      (from) => {
        document.body.append(Object.assign(document.createElement('object'), { data: `${from}/object` }));
      },
    ],
    [
      'send a form',
      'form-action',
      (from) => {
        const form = Object.assign(document.createElement('form'), { action: `${from}/form` });
        document.body.append(form);
        form.submit();
      },
    ],
    [
      'move its base',
      'base-uri',
      (from) => {
        document.head.append(Object.assign(document.createElement('base'), { href: `${from}/base` }));
      },
    ],
  ])('%s', async (_name, directive, attempt) => {
    await page.evaluate(() => {
      Object.assign(globalThis, {
        refused: new Promise<string>((resolve) => {
          const options = { once: true };
          document.addEventListener(
            'securitypolicyviolation',
            (event) => resolve(event.effectiveDirective),
            options,
          );
        }),
      });
    });
    await page.evaluate(attempt, outside);
    expect(await page.evaluate(() => (globalThis as unknown as { refused: Promise<string> }).refused)).toBe(
      directive,
    );
    await nothingHappened();
  });

  it.each([
    ['a file of the app', 'app://skein/main.cjs', 'GET'],
    ['its preload', 'app://skein/preload.cjs', 'GET'],
    ['a path out of the pages', 'app://skein/../package.json', 'GET'],
    ['one that is written otherwise', 'app://skein/%2e%2e%2fpackage.json', 'GET'],
    ['one with backslashes', 'app://skein/..%5c..%5cpackage.json', 'GET'],
    ['a file of the disk', 'app://skein//etc/passwd', 'GET'],
    ['a page of another host', 'app://other/index.html', 'GET'],
    ['a page, by another method', 'app://skein/index.html', 'POST'],
  ])('be given %s by the scheme of the app', async (_name, address, method) => {
    const status = await asked(() =>
      desk.app.evaluate(
        async ({ net }, wanted) => {
          // Refused before it is looked for, where it is another's.
          const answer = await net.fetch(wanted.address, { method: wanted.method }).catch(() => undefined);
          return answer?.status ?? 404;
        },
        { address, method },
      ),
    );
    expect(status).toBe(404);
  });

  it.each([
    ['a page of the web', () => outside],
    ['another host of its own scheme', () => 'app://other/index.html'],
  ])('go to %s', async (_name, address) => {
    await page.evaluate((to) => location.assign(to), address());
    const came = async (): Promise<boolean> =>
      (await seen()).refused.some((url) => url.startsWith(address()));
    await until('it is refused', came, PATIENCE_MS);
    await nothingHappened();
  });

  it.each(['file:///etc/passwd', 'data:text/html,x', 'javascript:globalThis.ran = true'])(
    'go to %s',
    async (address) => {
      await page.evaluate((to) => location.assign(to), address);
      await nothingHappened();
    },
  );

  it('open a window: an https page goes to the system’s browser, anything else nowhere', async () => {
    const addresses = [
      'https://example.org/model',
      'https://ada:secret@example.org/',
      outside,
      'javascript:globalThis.ran = true',
      'file:///etc/passwd',
      'app://skein/index.html',
      'about:blank',
    ];
    const opened = await page.evaluate((all) => all.map((each) => window.open(each) !== null), addresses);
    expect(opened).toEqual(addresses.map(() => false));
    await until('the browser is asked', async () => (await seen()).outward.length > 0, PATIENCE_MS);
    expect((await seen()).outward).toEqual(['https://example.org/model']);
    await nothingHappened();
  });

  it('hold a page inside: a webview is an unknown element', async () => {
    const isKnown = await page.evaluate((to) => {
      const view = Object.assign(document.createElement('webview'), { src: to });
      view.setAttribute('src', to);
      document.body.append(view);
      return 'getWebContentsId' in view;
    }, outside);
    expect(isKnown).toBe(false);
    await nothingHappened();
  });

  it('ask for devices, its place or what lies on the clipboard', async () => {
    const permissions = await page.evaluate(async () => {
      const names = ['camera', 'microphone', 'geolocation', 'notifications', 'clipboard-read', 'midi'];
      const states = names.map((name) => navigator.permissions.query({ name: name as PermissionName }));
      return (await Promise.all(states)).map(({ state }) => state);
    });
    expect(permissions).toEqual(permissions.map(() => 'denied'));
    const attempts = await page.evaluate(async () => {
      const failed = (attempt: Promise<unknown>): Promise<boolean> =>
        attempt.then(
          () => false,
          () => true,
        );
      return {
        camera: await failed(navigator.mediaDevices.getUserMedia({ video: true })),
        screen: await failed(navigator.mediaDevices.getDisplayMedia()),
        place: await failed(
          new Promise((resolve, reject) => navigator.geolocation.getCurrentPosition(resolve, reject)),
        ),
        clipboard: await failed(navigator.clipboard.readText()),
        notifications: (await Notification.requestPermission()) === 'denied',
      };
    });
    expect(attempts).toEqual({
      camera: true,
      screen: true,
      place: true,
      clipboard: true,
      notifications: true,
    });
  });

  it('save what it did not make itself', async () => {
    await page.evaluate(() => {
      const blob = URL.createObjectURL(new Blob(['conversation']));
      for (const href of ['data:text/plain,x', '/index.html', blob]) {
        Object.assign(document.createElement('a'), { href, download: 'x' }).click();
      }
    });
    const ofBlob = async (): Promise<boolean> =>
      (await seen()).downloads.some(({ url }) => url.startsWith('blob:'));
    await until('the last one came', ofBlob, PATIENCE_MS);
    const { downloads } = await seen();
    expect(downloads.filter(({ isDenied }) => !isDenied).map(({ url }) => url)).toEqual([
      expect.stringMatching(/^blob:app:\/\/skein\//),
    ]);
  });
});
