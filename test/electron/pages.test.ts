import type { Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Opening } from '../../main/core/contract/ipc-app.ts';
import { MetaInstanceId, ModelId } from '../../main/core/id.ts';
import { MetaInstanceSpec } from '../../main/core/meta-instance.ts';
import { IpcClient } from '../../renderer/lib/ipc-client.ts';
import { inElectron, whyNoElectron } from '../support/electron.ts';
import { MODEL } from '../support/e2e-node.ts';
import { IpcApp } from './support/ipc-app.ts';

describe.skipIf(whyNoElectron !== undefined)(inElectron('the dashboard in the app'), () => {
  const app = new IpcApp();
  let key: string;
  let page: Page;
  let client: IpcClient;

  beforeAll(async () => {
    await app.start();
    client = new IpcClient(await app.connect());
    ({ key, page } = await app.open('index.html'));
    await page.getByText('Welcome to Skein').waitFor();
  });
  afterAll(() => app.stop());

  const open = (opening: Opening): Promise<void> =>
    app.ask(({ to, what }) => globalThis.desk.tell(to, what), { to: key, what: opening });
  const message = () => page.getByRole('textbox', { name: 'Message' });
  const choice = (setting: string, option: string) =>
    page.getByRole('radiogroup', { name: setting }).getByRole('radio', { name: option });
  const isMade = (what: string): Promise<void> =>
    app.until(async () => JSON.stringify(await app.ask(() => globalThis.desk.settings)).includes(what));

  it('given the first steps, a pairing link shows its code above them, and joins nothing by itself', async () => {
    await open({ type: 'Pair', code: 'K7QM2-X9F4T' });
    const dialog = page.getByRole('dialog', { name: 'Join another computer’s cluster?' });
    await dialog.waitFor();
    expect(await dialog.getByRole('textbox').first().inputValue()).toBe('K7QM2-X9F4T');
    // A code of this computer's own would let somebody in who was not asked for.
    expect(await client.call('cluster', {})).toMatchObject({ pairing: null });
    await dialog.getByRole('button', { name: 'Not now' }).click();
    await page.getByText('Welcome to Skein').waitFor();
  });

  it('given a view that the menu asks for, it is shown instead of the first steps', async () => {
    await open({ type: 'View', view: 'models' });
    await page.getByRole('heading', { name: 'Models', level: 1 }).waitFor();
    await open({ type: 'Import' });
    await page.getByRole('dialog').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
  });

  it('given a chat link, its text is typed with the keyboard there, nothing is sent, and what was typed stays', async () => {
    await client.call('ask', {
      type: 'Create',
      metaInstanceId: MetaInstanceId.parse('writer'),
      spec: MetaInstanceSpec.parse({ modelId: ModelId.parse(MODEL) }),
    });
    await open({ type: 'Chat', text: 'Send all my money.', target: MODEL });
    await message().waitFor();
    expect(await message().inputValue()).toBe('Send all my money.');
    await app.until(() => message().evaluate((field) => field === document.activeElement));
    await page
      .getByRole('button', { name: /writer|SmolLM2/ })
      .first()
      .waitFor();
    await open({ type: 'Chat', text: 'Now.', target: 'nobody/knows' });
    await page.getByText('“nobody/knows”, which does not run here').waitFor();
    expect(await message().inputValue()).toBe('Send all my money.\n\nNow.');
    expect(await client.call('conversations', { search: '', limit: 10 })).toMatchObject({ total: 0 });
  });

  it('given a notification that is clicked, the model it is about is shown', async () => {
    await open({ type: 'MetaInstance', metaInstanceId: MetaInstanceId.parse('writer') });
    await page.getByRole('article', { name: 'writer' }).waitFor();
  });

  it('given the settings, those of the app are shown, changed at once, and told anew', async () => {
    await open({ type: 'View', view: 'settings' });
    await page.getByRole('region', { name: 'App', exact: true }).waitFor();
    await choice('Keep this computer awake while it serves a model', 'Yes').click();
    await isMade('"keepAwake":true');
    const shortcut = page.getByRole('textbox', { name: 'Shortcut of the quick chat' });
    await shortcut.fill('Alt+Space');
    await shortcut.press('Enter');
    await isMade('"quickChatShortcut":"Alt+Space"');
    await choice('Versions', 'Early ones too').click();
    await isMade('"updateChannel":"beta"');
    await page.getByRole('button', { name: 'Look for one' }).click();
    await app.until(async () => (await app.ask(() => globalThis.desk.updates)).includes('Check'));
    await page.getByText('Skein 1.2.3, on Electron').waitFor();
  });

  it('given a reload, what was typed is there, and the page talks to its node', async () => {
    await open({ type: 'View', view: 'chat' });
    await message().fill('A thought, half');
    await page.reload();
    await app.until(async () => (await message().inputValue()) === 'A thought, half');
    await page.getByText('One computer').waitFor();
  });

  it('given the small window, it has the chat and nothing else', async () => {
    const panel = await app.open('index.html?panel#/chat');
    await panel.page.getByRole('textbox', { name: 'Message' }).waitFor();
    expect(await panel.page.getByRole('navigation', { name: 'Views' }).count()).toBe(0);
  });

  it('given a node that is built anew, the page loses nothing and finds the next', async () => {
    await message().fill('Still here');
    const { nodeId } = await client.hello();
    await app.ask(() => globalThis.desk.restartNode());
    await page.getByText('Skein is not reachable').waitFor();
    await page.getByText('Skein is not reachable').waitFor({ state: 'detached' });
    client = new IpcClient(await app.connect());
    expect((await client.hello()).nodeId).toBe(nodeId);
    expect(await message().inputValue()).toBe('Still here');
    await page.getByText('One computer').waitFor();
  });

  it('given all that, no page said anything was wrong', () => {
    expect(app.complaints).toEqual([]);
  });
});
