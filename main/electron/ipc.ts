import { ipcMain, MessageChannelMain, type IpcMainInvokeEvent, type WebContents } from 'electron';
import { z } from 'zod';
import { APP_ORIGIN, appChannels } from '../core/contract/ipc-app-channel.ts';
import {
  AppSettingsChange,
  UpdateStep,
  type AppAnswer,
  type AppErrorCode,
  type AppInfo,
  type Opening,
} from '../core/contract/ipc-app.ts';
import type { IpcHandlers } from '../node/ipc/handlers.ts';
import { IpcSession } from '../node/ipc/session.ts';
import type { Log } from '../node/log.ts';
import { portConnection } from './port-connection.ts';

/** What the shell does for its pages. */
export interface AppHandlers {
  info(): AppInfo;
  changeSettings(change: AppSettingsChange): void;
  update(step: UpdateStep): void;
}

export interface ShellIpcComponents {
  readonly log: Log;
  readonly app: AppHandlers;
  /** Of the node that runs now; undefined between two. */
  readonly node: () => IpcHandlers | undefined;
}

/** Characters of why a request is not valid: whoever sends nonsense needs no long answer. */
const MOST_REASON = 500;

class Refusal extends Error {
  readonly code: AppErrorCode;

  constructor(code: AppErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** The only door between pages and this process. Whoever asks is checked first, then what is asked. */
export class ShellIpc {
  readonly #components: ShellIpcComponents;
  /** By page of the app: its one session with the node, if it has one. */
  readonly #pages = new Map<WebContents, IpcSession | undefined>();

  constructor(components: ShellIpcComponents) {
    this.#components = components;
    const { app } = components;
    this.#answer(appChannels.connect, (page) => this.#connect(page));
    this.#answer(appChannels.info, () => app.info());
    this.#answer(appChannels.change, (_page, change) => {
      app.changeSettings(parsed(AppSettingsChange, change));
      return app.info();
    });
    this.#answer(appChannels.update, (_page, step) => {
      app.update(parsed(UpdateStep, step));
      return app.info();
    });
    // The settings library opens a channel of its own for pages; ours never use it.
    ipcMain.removeAllListeners('electron-store-get-data');
  }

  /** Only pages admitted here are answered. */
  admit(page: WebContents): void {
    this.#pages.set(page, undefined);
    const part = (reason: string): void => this.#part(page, reason);
    page.on('render-process-gone', () => part('the page crashed'));
    page.on('did-start-navigation', ({ isMainFrame, isSameDocument }) => {
      if (isMainFrame && !isSameDocument) part('the page is loaded anew');
    });
    page.once('destroyed', () => {
      part('the page was closed');
      this.#pages.delete(page);
    });
  }

  /** Shown as soon as the page can. */
  open(page: WebContents, opening: Opening): void {
    if (!page.isDestroyed()) page.send(appChannels.opening, opening);
  }

  /** Pages find the next node by themselves. */
  partAll(reason: string): void {
    for (const page of this.#pages.keys()) this.#part(page, reason);
  }

  /** May be called twice. */
  close(): void {
    this.partAll('Skein ends');
    for (const channel of [appChannels.connect, appChannels.info, appChannels.change, appChannels.update])
      ipcMain.removeHandler(channel);
  }

  #part(page: WebContents, reason: string): void {
    const session = this.#pages.get(page);
    if (session === undefined) return;
    this.#pages.set(page, undefined);
    session.close(reason);
  }

  #connect(page: WebContents): null {
    const handlers = this.#components.node();
    if (handlers === undefined)
      throw new Refusal('Unavailable', 'The node is starting; try again in a moment.');
    this.#part(page, 'the page asked for another connection');
    const { port1, port2 } = new MessageChannelMain();
    const session: IpcSession = new IpcSession(
      { handlers, log: this.#components.log },
      {
        connection: portConnection(port1),
        onEnd: () => {
          if (this.#pages.get(page) === session) this.#pages.set(page, undefined);
        },
      },
    );
    this.#pages.set(page, session);
    page.postMessage(appChannels.port, null, [port2]);
    this.#components.log.debug('A page of the app is connected');
    return null;
  }

  #answer(channel: string, act: (page: WebContents, input: unknown) => unknown): void {
    ipcMain.handle(channel, (event, input: unknown): AppAnswer<unknown> => {
      try {
        return { ok: true, value: act(this.#checked(event), input) };
      } catch (error) {
        if (error instanceof Refusal)
          return { ok: false, error: { code: error.code, message: error.message } };
        this.#components.log.error('A request of a page failed in the app', { channel, error });
        const message = error instanceof Error ? error.message : String(error);
        return { ok: false, error: { code: 'Internal', message } };
      }
    });
  }

  /** A page of the app's own, in the frame that fills its window. */
  #checked({ sender, senderFrame }: IpcMainInvokeEvent): WebContents {
    const isOurs =
      this.#pages.has(sender) &&
      senderFrame !== null &&
      senderFrame === sender.mainFrame &&
      senderFrame.origin === APP_ORIGIN;
    if (isOurs) return sender;
    this.#components.log.warn('A page that is not of the app asked something of it', {
      url: senderFrame?.url.slice(0, 200),
    });
    throw new Refusal('Forbidden', 'Only the pages of Skein itself are answered.');
  }
}

function parsed<Schema extends z.ZodType>(schema: Schema, input: unknown): z.output<Schema> {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  throw new Refusal('BadRequest', z.prettifyError(result.error).slice(0, MOST_REASON));
}
