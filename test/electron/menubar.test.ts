import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AppBridge } from '../../main/core/contract/ipc-app.ts';
import { until } from '../support/e2e-until.ts';
import { inElectron, whyNoElectron } from '../support/electron.ts';
import { DeskApp, PATIENCE_MS } from './support/desk-app.ts';

describe.skipIf(whyNoElectron !== undefined)(inElectron('the menubar item'), () => {
  const desk = new DeskApp({ SKEIN_NAME: 'R&D' });

  beforeAll(async () => {
    await desk.prepare();
    const { page } = await desk.start();
    // Electron can not be asked for a menu that it was given.
    await desk.app.evaluate(({ Tray }) => {
      const seen = globalThis as { menus?: Electron.Menu[] };
      const set = Reflect.get<Electron.Tray, 'setContextMenu'>(Tray.prototype, 'setContextMenu');
      seen.menus = [];
      Tray.prototype.setContextMenu = function keep(menu) {
        if (menu !== null) seen.menus?.push(menu);
        set.call(this, menu);
      };
    });
    // A menu of which nothing changes is not given anew.
    for (const menubarOnly of [true, false]) {
      await page.evaluate(
        (isOn) => (globalThis as unknown as { skein: AppBridge }).skein.changeSettings({ menubarOnly: isOn }),
        menubarOnly,
      );
    }
  });
  afterAll(() => desk.close());

  const toggle = (): Promise<void> =>
    desk.app.evaluate(() => {
      const newest = (globalThis as { menus?: Electron.Menu[] }).menus?.at(-1);
      newest?.items.find(({ label }) => label === 'Only in the Menubar')?.click();
    });
  const tell = (event: 'menu-will-show' | 'menu-will-close'): Promise<void> =>
    desk.app.evaluate((_electron, name) => {
      (globalThis as { menus?: Electron.Menu[] }).menus?.at(-1)?.emit(name);
    }, event);
  const newest = (): Promise<{ count: number; labels: string[]; isOn: boolean | undefined }> =>
    desk.app.evaluate(() => {
      const { menus = [] } = globalThis as { menus?: Electron.Menu[] };
      const items = menus.at(-1)?.items ?? [];
      return {
        count: menus.length,
        labels: items.map(({ label }) => label),
        isOn: items.find(({ label }) => label === 'Only in the Menubar')?.checked,
      };
    });

  it('given a computer with "&" in its name, the sign is doubled, since Electron would leave it out', async () => {
    await until(
      'the menu names this computer',
      async () => (await newest()).labels.some((label) => label.startsWith('R&&D, this computer')),
      PATIENCE_MS,
    );
  });

  it('given a menu that is open, what changes waits until it is closed', async () => {
    await tell('menu-will-show');
    const before = await newest();
    await toggle();
    // A click is answered before `toggle` returns.
    expect((await newest()).count).toBe(before.count);
    await tell('menu-will-close');
    await until('the menu follows', async () => (await newest()).count > before.count, PATIENCE_MS);
    expect((await newest()).isOn).toBe(true);
  });

  it('given a menu that is closed, what changes is in it at once', async () => {
    const before = await newest();
    await toggle();
    const { count, isOn } = await newest();
    expect({ isNew: count > before.count, isOn }).toEqual({ isNew: true, isOn: false });
  });
});
