import { describe, expect, it } from 'vitest';
import {
  defaultAppSettings,
  type AppBridge,
  type AppInfo,
  type Opening,
} from '../../main/core/contract/ipc-app.ts';
import { MetaInstanceId } from '../../main/core/id.ts';
import { AppStore } from '../../renderer/stores/app-store.ts';
import { RootStore } from '../../renderer/stores/root-store.ts';

const info: AppInfo = {
  version: '1.2.3',
  electron: '45',
  platform: 'darwin',
  settings: defaultAppSettings,
  quickChat: 'Works',
  update: { type: 'Idle' },
};

/** The app around a page, as far as the page sees it. */
function fakeBridge(answers: Partial<AppBridge> = {}): {
  bridge: AppBridge;
  open: (opening: Opening) => void;
} {
  let listener: (opening: Opening) => void = () => undefined;
  const bridge: AppBridge = {
    connect: () => Promise.resolve({ ok: true, value: null }),
    info: () => Promise.resolve({ ok: true, value: info }),
    changeSettings: (change) =>
      Promise.resolve({
        ok: true,
        value: { ...info, settings: { ...info.settings, ...(change as Partial<AppInfo['settings']>) } },
      }),
    update: () => Promise.resolve({ ok: true, value: { ...info, update: { type: 'Checking' } } }),
    onOpening: (next) => {
      listener = next;
    },
    ...answers,
  };
  return { bridge, open: (opening) => listener(opening) };
}

/** A page that has not reached its node yet: openings may come before. */
function setUp(kept: readonly (readonly [string, string])[] = []): {
  root: RootStore;
  open: (opening: Opening) => void;
} {
  const texts = new Map(kept);
  const store = {
    getItem: (key: string) => texts.get(key) ?? null,
    setItem: (key: string, value: string) => void texts.set(key, value),
    removeItem: (key: string) => void texts.delete(key),
  };
  const { bridge, open } = fakeBridge();
  const root = new RootStore({
    connect: () => Promise.reject(new Error('nobody is there')),
    after: () => () => undefined,
    now: () => 0,
    frames: { now: () => 0, nextFrame: () => undefined, later: () => () => undefined },
    drafts: store,
    bridge,
    ui: { location: { hash: '' }, store, onTheme: () => undefined },
  });
  return { root, open };
}

describe('what the app wants shown', () => {
  it.each<[string, Opening, { view: string; detail?: string | null; dialog?: unknown; welcomed?: boolean }]>([
    ['a view', { type: 'View', view: 'activity' }, { view: 'activity' }],
    ['a new chat', { type: 'Chat' }, { view: 'chat' }],
    ['a model to run', { type: 'Run' }, { view: 'cluster', dialog: { type: 'Create' }, welcomed: false }],
    ['a model file to import', { type: 'Import' }, { view: 'models', detail: 'import' }],
    [
      'a MetaInstance',
      { type: 'MetaInstance', metaInstanceId: MetaInstanceId.parse('writer') },
      { view: 'cluster', detail: 'writer' },
    ],
    ['a computer to add', { type: 'Pair' }, { view: 'cluster', dialog: { type: 'Pair' }, welcomed: false }],
    [
      'a code that a link brought',
      { type: 'Pair', code: 'K7QM2-X9F4T' },
      { view: 'cluster', dialog: { type: 'Pair', code: 'K7QM2-X9F4T' }, welcomed: false },
    ],
  ])('given %s, that is shown', (_name, opening, shown) => {
    const { root, open } = setUp();
    open(opening);
    const { route, dialog, welcomed } = root.ui;
    expect({ ...route, dialog, welcomed }).toEqual({
      detail: null,
      dialog: undefined,
      welcomed: true,
      ...shown,
    });
  });

  it('given a chat link over an open dialog, the dialog gives way', () => {
    const { root, open } = setUp();
    open({ type: 'Run' });
    open({ type: 'Chat', text: 'Hello' });
    expect([root.ui.dialog, root.chat.draft.text]).toEqual([undefined, 'Hello']);
  });

  it('given something typed, a link’s text goes below it and nothing is lost', () => {
    const { root, open } = setUp();
    root.chat.type('Mine');
    open({ type: 'Chat', text: 'Theirs' });
    open({ type: 'Chat' });
    expect([root.chat.draft.text, root.chat.current.busy]).toEqual(['Mine\n\nTheirs', false]);
  });
});

describe('the settings of the app', () => {
  it('given a change and a step, what the app answers is shown', async () => {
    const app = new AppStore(fakeBridge());
    await app.refresh();
    await app.change({ keepAwake: true });
    expect([app.info?.settings.keepAwake, app.isMoving]).toEqual([true, false]);
    await app.update('Check');
    expect(app.isMoving).toBe(true);
  });

  it('given a refusal, its reason is told and what was known stays', async () => {
    const refusal = { ok: false, error: { code: 'BadRequest', message: 'no such shortcut' } } as const;
    const app = new AppStore(fakeBridge({ changeSettings: () => Promise.resolve(refusal) }));
    await app.refresh();
    await expect(app.change({ quickChatShortcut: 'x' })).rejects.toThrow('no such shortcut');
    expect(app.info).toEqual(info);
  });
});
