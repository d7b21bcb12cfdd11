import { nativeImage, Tray, type NativeImage } from 'electron';
import { join } from 'node:path';
import { MINUTE } from '../core/unit.ts';
import { systemClock } from '../node/clock.ts';
import { trayMenu } from './menu.ts';
import type { TrayAction } from './tray-item.ts';
import type { TrayIcon, TrayModel } from './tray-model.ts';

/** macOS tells of a click only after it told that the menu closed; a menu that is replaced before tells of none. */
const CLICK_MS = 300;
/** Longest that an open menu is left as it is: nobody is told when it ends together with its display. */
const OPEN_MS = 2 * MINUTE;

/** The item in the menubar. A menu is drawn anew only when its model changed and nobody looks: macOS closes one that is replaced. */
export class MenubarItem {
  readonly #tray: Tray;
  readonly #images: Readonly<Record<TrayIcon, NativeImage>>;
  readonly #act: (action: TrayAction) => void;
  #shown: TrayModel | undefined;
  #drawn = '';
  #isOpen = false;
  #cancelWait: () => void = () => undefined;

  constructor(init: { readonly iconFolder: string; readonly act: (action: TrayAction) => void }) {
    // `…Template.png`: macOS colours it as the menubar needs; `…@2x.png` beside it is found by its name.
    const image = (name: TrayIcon): NativeImage =>
      nativeImage.createFromPath(join(init.iconFolder, `tray-${name}Template.png`));
    this.#images = { idle: image('idle'), working: image('working'), problem: image('problem') };
    this.#tray = new Tray(this.#images.idle);
    this.#act = init.act;
  }

  /** The newest one; undefined = nothing yet. While the menu is open it may still show an earlier one. */
  get model(): TrayModel | undefined {
    return this.#shown;
  }

  show(model: TrayModel): void {
    if (this.#tray.isDestroyed()) return;
    if (model.icon !== this.#shown?.icon) this.#tray.setImage(this.#images[model.icon]);
    if (model.tooltip !== this.#shown?.tooltip) this.#tray.setToolTip(model.tooltip);
    this.#shown = model;
    this.#draw();
  }

  #draw(): void {
    if (this.#isOpen || this.#shown === undefined || this.#tray.isDestroyed()) return;
    const text = JSON.stringify(this.#shown.items);
    if (text === this.#drawn) return;
    this.#drawn = text;
    const menu = trayMenu(this.#shown.items, this.#act);
    menu.on('menu-will-show', () => {
      this.#isOpen = true;
      this.#closeAfter(OPEN_MS);
    });
    menu.on('menu-will-close', () => this.#closeAfter(CLICK_MS));
    this.#tray.setContextMenu(menu);
  }

  #closeAfter(ms: number): void {
    this.#cancelWait();
    this.#cancelWait = systemClock.after(ms, () => {
      this.#isOpen = false;
      this.#draw();
    });
  }

  /** May be called twice. */
  close(): void {
    this.#cancelWait();
    if (!this.#tray.isDestroyed()) this.#tray.destroy();
  }
}
