import type { Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inElectron, whyNoElectron } from '../support/electron.ts';
import { until } from '../support/e2e-until.ts';
import { DeskApp, PATIENCE_MS } from './support/desk-app.ts';

describe.skipIf(whyNoElectron !== undefined)(inElectron('the app'), () => {
  const desk = new DeskApp();
  let page: Page;

  beforeAll(async () => {
    await desk.prepare();
    ({ page } = await desk.start());
  });
  afterAll(() => desk.close());

  const card = (name: string) => page.getByRole('article', { name, exact: true });
  const state = async (name: string, text: string | RegExp): Promise<void> =>
    card(name).getByText(text, { exact: true }).first().waitFor();
  const go = async (view: string): Promise<void> =>
    page.getByRole('navigation').getByRole('link', { name: view }).click();
  /** What the menubar item offers from now on, as Electron was told. */
  const watchTray = (): Promise<void> =>
    desk.app.evaluate(({ Tray }) => {
      const shown = globalThis as { trayMenu?: Electron.Menu };
      const original = Reflect.get(Tray.prototype, 'setContextMenu');
      Tray.prototype.setContextMenu = function setAndKeep(menu) {
        if (menu !== null) shown.trayMenu = menu;
        original.call(this, menu);
      };
    });
  const trayLabels = (): Promise<string[]> =>
    desk.app.evaluate(() => {
      const { trayMenu } = globalThis as { trayMenu?: Electron.Menu };
      return (
        trayMenu?.items.map(({ label, submenu }) =>
          [label, ...(submenu?.items.map((item) => item.label) ?? [])].join(' > '),
        ) ?? []
      );
    });
  const clickTray = (label: string, entry: string): Promise<void> =>
    desk.app.evaluate(
      (_electron, [labelled, entered]) => {
        const { trayMenu } = globalThis as { trayMenu?: Electron.Menu };
        const item = trayMenu?.items.find((each) => each.label.startsWith(labelled));
        item?.submenu?.items.find((each) => each.label === entered)?.click();
      },
      [label, entry] as const,
    );

  it('given a first start, the first steps bring a model up in a utility process, and it answers', async () => {
    await watchTray();
    await page.getByText('Welcome to Skein').waitFor();
    await desk.portray(page, 'first-run');
    await page.getByRole('button', { name: /Go on with this one/ }).click();
    await page.getByRole('button', { name: 'Run it' }).first().click();
    await page.getByText('It is ready.').waitFor();
    expect(desk.runners()).toHaveLength(1);
    await page.getByRole('button', { name: 'Start chatting' }).click();
    await page.getByRole('textbox', { name: 'Message' }).fill('Say hello.');
    await page.keyboard.press('Enter');
    await page.locator('article[aria-busy] .md').first().waitFor();
    await desk.portray(page, 'chat');
    // How long a sampled answer gets is chance; that it came and can be ended is not.
    const end = page.getByRole('button', { name: 'Stop', exact: true });
    const whole = page.locator('article[aria-busy="false"]');
    await until(
      'the answer has ended',
      async () => {
        if ((await whole.count()) > 0) return true;
        await end.click({ timeout: 1_000 }).catch(() => undefined);
        return false;
      },
      PATIENCE_MS,
    );
  });

  it('given the menubar item, it names the model and this computer, and stops and starts the model', async () => {
    const name = 'SmolLM2-135M-Instruct'.toLowerCase();
    await until(
      'the menubar item shows the model',
      async () => /ready/.test((await trayLabels()).join('\n')),
      PATIENCE_MS,
    );
    const labels = await trayLabels();
    expect(labels[0]).toBe('1 model ready');
    const row = labels.find((label) => /: ready/.test(label)) ?? '';
    expect(row.toLowerCase()).toContain(name.slice(0, 7));
    expect(row).toContain('> Chat > Stop > Show in Skein');
    expect(labels.some((label) => /^desk, this computer, leads, .* free$/.test(label))).toBe(true);
    const id = row.split(':')[0] ?? '';
    await go('Cluster');
    await clickTray(id, 'Stop');
    await state(id, 'PAUSED');
    await until('no runner is left', () => desk.runners().length === 0, PATIENCE_MS);
    await until(
      'the menubar item follows',
      async () => (await trayLabels()).some((each) => each.includes('paused')),
      PATIENCE_MS,
    );
    await clickTray(id, 'Start');
    await state(id, 'READY');
    await desk.portray(page, 'cluster');
  });

  it('given a runner that is killed, the model comes back', async () => {
    const [runner] = desk.runners();
    process.kill(runner?.pid ?? 0, 'SIGKILL');
    await until(
      'another runner serves',
      () => desk.runners().length === 1 && desk.runners()[0]?.pid !== runner?.pid,
      PATIENCE_MS,
    );
    await page.getByText('READY', { exact: true }).first().waitFor();
  });

  it('given a page that crashes, it is loaded again and finds its node', async () => {
    const seen = (): Promise<{ readonly pid: number; readonly isUp: boolean }> =>
      desk.app.evaluate(({ BrowserWindow }) => {
        const contents = BrowserWindow.getAllWindows()[0]?.webContents;
        const isUp = contents !== undefined && !contents.isCrashed() && !contents.isLoading();
        return { pid: contents?.getOSProcessId() ?? 0, isUp };
      });
    const connections = (): number => desk.stderr.split('A page of the app is connected').length;
    const [before, connected] = [await seen(), connections()];
    process.kill(before.pid, 'SIGKILL');
    const isBack = async (): Promise<boolean> => {
      const { pid, isUp } = await seen();
      return isUp && pid > 0 && pid !== before.pid;
    };
    await until('a page of another process is up', isBack, PATIENCE_MS);
    // The driver of this test lost the page with its process, the app did not.
    await until('it finds its node', () => connections() > connected, PATIENCE_MS);
  });

  it('given a second start, it ends at once and the first one comes to the front where it was', async () => {
    const bounds = { x: 140, y: 90, width: 900, height: 640 };
    await desk.app.evaluate(({ BrowserWindow }, wanted) => {
      BrowserWindow.getAllWindows()[0]?.setBounds(wanted);
    }, bounds);
    const shown = (): Promise<Electron.Rectangle | undefined> =>
      desk.app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]?.getBounds());
    await until('the window is moved', async () => (await shown())?.width === 900, PATIENCE_MS);
    await desk.app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]?.close());
    await until(
      'the window is closed and the app lives',
      async () => desk.app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows().length === 0),
      PATIENCE_MS,
    );
    const window = desk.app.waitForEvent('window', { timeout: PATIENCE_MS });
    expect(await desk.startAgain()).toBe(0);
    page = await window;
    desk.watch(page);
    await page.getByText('READY', { exact: true }).first().waitFor();
    expect(await shown()).toMatchObject(bounds);
  });

  it('given it is quit, it ends with 0 and leaves nothing', async () => {
    expect(desk.complaints).toEqual([]);
    expect(await desk.quit()).toBe(0);
    await until('nothing is left', () => desk.processes().length === 0, PATIENCE_MS);
  });
});
