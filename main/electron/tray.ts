import { nativeImage, Tray, type NativeImage } from 'electron';
import { join } from 'node:path';
import { trayMenu } from './menu.ts';
import type { TrayAction } from './tray-item.ts';
import type { TrayIcon, TrayModel } from './tray-model.ts';

/** The item in the menubar. It is drawn anew only when its model changed, since a menu that is open closes then. */
export class MenubarItem {
  readonly #tray: Tray;
  readonly #images: Readonly<Record<TrayIcon, NativeImage>>;
  readonly #act: (action: TrayAction) => void;
  #shown: TrayModel | undefined;
  #text = '';

  constructor(init: { readonly iconFolder: string; readonly act: (action: TrayAction) => void }) {
    // `…Template.png`: macOS colours it as the menubar needs; `…@2x.png` beside it is found by its name.
    const image = (name: TrayIcon): NativeImage =>
      nativeImage.createFromPath(join(init.iconFolder, `tray-${name}Template.png`));
    this.#images = { idle: image('idle'), working: image('working'), problem: image('problem') };
    this.#tray = new Tray(this.#images.idle);
    this.#act = init.act;
  }

  /** As it is shown now; undefined = nothing yet. */
  get model(): TrayModel | undefined {
    return this.#shown;
  }

  show(model: TrayModel): void {
    const text = JSON.stringify(model);
    if (text === this.#text || this.#tray.isDestroyed()) return;
    this.#text = text;
    if (model.icon !== this.#shown?.icon) this.#tray.setImage(this.#images[model.icon]);
    this.#shown = model;
    this.#tray.setToolTip(model.tooltip);
    this.#tray.setContextMenu(trayMenu(model.items, this.#act));
  }

  /** May be called twice. */
  close(): void {
    if (!this.#tray.isDestroyed()) this.#tray.destroy();
  }
}
