import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AppBridge, AppSettings } from '../../main/core/contract/ipc-app.ts';
import { moment, until } from '../support/e2e-until.ts';
import { inElectron, whyNoElectron } from '../support/electron.ts';
import { asked } from './support/asked.ts';
import { DeskApp, PATIENCE_MS } from './support/desk-app.ts';

const LONG = 'Write a very long story about a lighthouse, its keeper and the sea.';
const [whenDone, , stay] = [0, 1, 2];

const dialogs = join(import.meta.dirname, 'support', 'dialogs.cjs');

interface Dialogs {
  readonly asked: string[];
  answer: number;
}

describe.skipIf(whyNoElectron !== undefined)(inElectron('the shell of the app'), () => {
  const desk = new DeskApp({}, ['-r', dialogs]);
  let page: Page;

  /** The app with its boxes in our hands: nobody is there to answer them. */
  const hold = (): Promise<void> =>
    asked(() => desk.app.evaluate((_electron, path) => void process.mainModule?.require(path), dialogs));

  beforeAll(async () => {
    await desk.prepare();
    ({ page } = await desk.start());
    await page.getByText('Welcome to Skein').waitFor();
    await hold();
  });
  afterAll(() => desk.close());

  /** What people were asked or told by boxes of the system, and the button that the next one gets. */
  const boxes = (): Promise<string[]> =>
    asked(() => desk.app.evaluate(() => (globalThis as unknown as { dialogs: Dialogs }).dialogs.asked));
  const answerWith = (button: number): Promise<void> =>
    asked(() =>
      desk.app.evaluate((_electron, chosen) => {
        (globalThis as unknown as { dialogs: Dialogs }).dialogs.answer = chosen;
      }, button),
    );
  const windows = (): Promise<{ url: string; isVisible: boolean }[]> =>
    asked(() =>
      desk.app.evaluate(({ BrowserWindow }) =>
        BrowserWindow.getAllWindows().map((window) => ({
          url: window.webContents.getURL(),
          isVisible: window.isVisible(),
        })),
      ),
    );
  const settings = (): Promise<AppSettings | undefined> =>
    page.evaluate(async () => {
      const info = await (globalThis as unknown as { skein: AppBridge }).skein.info();
      return info.ok ? info.value.settings : undefined;
    });
  const change = (changes: Partial<AppSettings>): Promise<unknown> =>
    page.evaluate(
      (given) => (globalThis as unknown as { skein: AppBridge }).skein.changeSettings(given),
      changes,
    );
  const message = () => page.getByRole('textbox', { name: 'Message' });
  const writes = () => page.locator('article[aria-busy="true"] .md').last();
  const say = async (text: string): Promise<void> => {
    await message().fill(text);
    await page.keyboard.press('Enter');
    await writes().waitFor();
  };
  /** Chance says how long an answer gets: where one has ended, the next is asked for. */
  const keepWriting = async (): Promise<void> => {
    if ((await writes().count()) === 0) await say(LONG);
  };
  const askToQuit = (): Promise<void> => asked(() => desk.app.evaluate(({ app }) => app.quit()));

  describe('links', () => {
    it('given a second start with one, it says so, and what is shown stays', async () => {
      expect(await desk.startAgain('skein://pair?code=%3Cb%3E')).toBe(0);
      await until('it says so', async () => (await boxes()).length === 1, PATIENCE_MS);
      expect((await boxes())[0]).toContain('letters, digits and dashes');
      expect(await page.getByRole('dialog').count()).toBe(0);
      expect(await page.getByText('Welcome to Skein').isVisible()).toBe(true);
    });

    it('given a second start with a pairing, the dialog has its code', async () => {
      expect(await desk.startAgain('skein://pair?code=K7QM2-X9F4T')).toBe(0);
      const dialog = page.getByRole('dialog', { name: /Join/ });
      await dialog.waitFor();
      expect(await dialog.getByRole('textbox').first().inputValue()).toBe('K7QM2-X9F4T');
      await dialog.getByRole('button', { name: 'Not now' }).click();
    });

    it('given a second start with a chat, its text is typed and not sent', async () => {
      await page.getByRole('button', { name: /Go on with this one/ }).click();
      await page.getByRole('button', { name: 'Run it' }).first().click();
      await page.getByText('It is ready.').waitFor();
      expect(await desk.startAgain('skein://chat?prompt=Send%20nothing.')).toBe(0);
      await message().waitFor();
      await until('it is typed', async () => (await message().inputValue()) === 'Send nothing.', PATIENCE_MS);
      expect(await page.getByRole('article').count()).toBe(0);
    });
  });

  describe('the quick chat', () => {
    const isShown = async (): Promise<boolean> =>
      (await windows()).some(({ url, isVisible }) => url.includes('?panel') && isVisible);
    const click = (): Promise<void> =>
      asked(() =>
        desk.app.evaluate(({ Menu }) => {
          const entries = Menu.getApplicationMenu()?.items.flatMap(({ submenu }) => submenu?.items ?? []);
          entries?.find(({ label }) => label === 'Quick Chat')?.click();
        }),
      );
    // A screen without a window manager may take the focus back at once, and the panel goes as it should.
    const open = async (): Promise<void> => {
      await until(
        'it is shown',
        async () => {
          await click();
          await moment(200);
          return isShown();
        },
        PATIENCE_MS,
      );
    };

    it.each(['Escape', 'blur'])('given %s, it is hidden, and comes back', async (how) => {
      await open();
      await asked(() =>
        desk.app.evaluate(({ BrowserWindow }, by) => {
          const window = BrowserWindow.getAllWindows().find(({ webContents }) =>
            webContents.getURL().includes('?panel'),
          );
          if (by === 'Escape') window?.webContents.sendInputEvent({ type: 'keyDown', keyCode: 'Escape' });
          else window?.emit('blur');
        }, how),
      );
      await until('it is hidden', async () => !(await isShown()), PATIENCE_MS);
      await open();
    });
  });

  it('given a sleep of a computer alone, its runner and the chat go on', async () => {
    const [before] = desk.runners();
    await keepWriting();
    await asked(() =>
      desk.app.evaluate(({ powerMonitor }) => {
        powerMonitor.emit('suspend');
        powerMonitor.emit('resume');
      }),
    );
    const said = await writes().innerText();
    await until(
      'the answer goes on',
      async () => (await writes().innerText()).length > said.length,
      PATIENCE_MS,
    );
    expect(desk.runners().map(({ pid }) => pid)).toEqual([before?.pid]);
  });

  describe('quitting while a chat is answered', () => {
    it('given it is asked and the person stays, the answer goes on', async () => {
      await keepWriting();
      await answerWith(stay);
      await askToQuit();
      await until(
        'it asks',
        async () => /A chat is being answered/.test((await boxes()).at(-1) ?? ''),
        PATIENCE_MS,
      );
      const said = await writes().innerText();
      await until('it goes on', async () => (await writes().innerText()).length > said.length, PATIENCE_MS);
    });

    it('given "when done", it ends with 0 once the answer has, and nothing is left', async () => {
      await change({ menubarOnly: true, keepAwake: true });
      await keepWriting();
      await answerWith(whenDone);
      const count = (await boxes()).length;
      await askToQuit();
      await until('it asks', async () => (await boxes()).length > count, PATIENCE_MS);
      const said = await writes().innerText();
      await until('it goes on', async () => (await writes().innerText()).length > said.length, PATIENCE_MS);
      await page.getByRole('button', { name: 'Stop', exact: true }).click();
      expect(await desk.ended).toBe(0);
      await until('nothing is left', () => desk.processes().length === 0, PATIENCE_MS);
    });
  });

  it('given an app that lives in the menubar, it starts without a window, and its settings are kept', async () => {
    await desk.launch();
    await hold();
    await until('its node is up', () => desk.answers(), PATIENCE_MS);
    expect(await windows()).toEqual([]);
    const opened = desk.app.waitForEvent('window', { timeout: PATIENCE_MS });
    expect(await desk.startAgain()).toBe(0);
    page = await opened;
    desk.watch(page);
    await page.getByRole('navigation').waitFor();
    expect(await settings()).toMatchObject({ menubarOnly: true, keepAwake: true, notifications: true });
  });

  it('given SIGTERM while a chat is answered, it ends with 0 and asks nobody', async () => {
    await page.getByRole('navigation').getByRole('link', { name: 'Cluster' }).click();
    await page.getByText('READY', { exact: true }).first().waitFor();
    await page.getByRole('navigation').getByRole('link', { name: 'Chat' }).click();
    await say(LONG);
    const before = desk.stderr;
    process.kill(desk.pid, 'SIGTERM');
    expect(await desk.ended).toBe(0);
    expect(desk.stderr.slice(before.length)).not.toContain('asked:');
    await until('nothing is left', () => desk.processes().length === 0, PATIENCE_MS);
  });

  it('given a data folder that another Skein uses, it says so and ends with 1', async () => {
    const program = join(import.meta.dirname, '..', 'node', 'hold-data-folder.ts');
    const holder = spawn(process.execPath, [program, join(desk.folder, 'data')]);
    try {
      await once(holder.stdout, 'data');
      const { code, stderr } = await desk.startAside();
      expect(stderr).toMatch(/asked: Skein could not start Another Skein \(pid \d+\) uses the data folder/);
      expect(code).toBe(1);
    } finally {
      holder.kill('SIGKILL');
    }
  });
});
