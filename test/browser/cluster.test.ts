import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Page } from 'playwright';
import type { SkeinProcess } from '../support/e2e-node.ts';
import { until } from '../support/e2e-until.ts';
import { Desk, inBrowser, portray, whyNoBrowser } from './support/dashboard.ts';

describe.skipIf(whyNoBrowser !== undefined)(inBrowser('the dashboard of one node'), () => {
  const desk = new Desk();
  let node: SkeinProcess;

  beforeAll(async () => {
    node = await desk.start('--name', 'desk');
  });
  afterAll(() => desk.close());

  const open = (hash: string): Promise<Page> => desk.open(node, `#/${hash}`);
  const card = (page: Page, name: string) => page.getByRole('article', { name, exact: true });

  const newcomer = async (): Promise<Page> => {
    const page = await open('');
    await page
      .getByRole('button', { name: 'Settings' })
      .or(page.getByRole('link', { name: 'Settings' }))
      .click();
    await page.getByRole('button', { name: 'Show the first steps again' }).click();
    return page;
  };

  it('given someone new, the first steps lead from nothing to a first answer', async () => {
    const page = await newcomer();
    await page.getByRole('heading', { name: 'Welcome to Skein' }).waitFor();
    await portray(page, 'first-run');
    await page.getByRole('button', { name: 'Go on with this one' }).click();
    await page.getByText('Fits on desk').waitFor();
    await page.getByText('Recommended').waitFor();
    await page.getByRole('button', { name: 'Run it' }).click();
    await page.getByRole('button', { name: 'Start chatting' }).click();
    await page.getByRole('textbox', { name: 'Message' }).fill('Say hello in one short sentence.');
    await page.keyboard.press('Enter');
    const answer = page.getByRole('article', { name: /^Answer of/ });
    await answer.getByText(/tokens/).waitFor();
    await page.reload();
    await answer.getByText(/tokens/).waitFor();
    expect(desk.complaints).toEqual([]);
  });

  it('given a model that runs, its card follows a pause, a resume and a runner that is killed', async () => {
    const page = await open('cluster');
    const [name] = Object.keys((await node.state()).metaInstances);
    const starter = card(page, name ?? '');
    await starter.getByText('READY').waitFor();
    await starter.getByRole('button', { name: 'Pause' }).click();
    await starter.getByText('PAUSED').waitFor();
    await starter.getByRole('button', { name: 'Resume' }).click();
    await starter.getByText('READY').waitFor();
    const [runner] = desk.world.runners;
    process.kill(runner?.pid ?? 0, 'SIGKILL');
    await starter.getByText(/RETRYING 1\/3/).waitFor();
    await starter.getByText('First attempt failed', { exact: false }).waitFor();
    await starter.getByText('READY').waitFor();
    expect(desk.complaints).toEqual([]);
  });

  it('given a model to run, the preview says where and how fast, and a wish without a place says why and what helps', async () => {
    const page = await open('cluster');
    await page.getByRole('button', { name: 'Run a model…' }).click();
    const preview = page.getByRole('region', { name: 'What will happen' });
    await preview.getByText('Runs on desk').waitFor();
    await preview.getByText(/ready in about/).waitFor();
    await page.getByRole('textbox', { name: 'Name' }).fill('second');
    await page.getByText('More', { exact: true }).click();
    const priority = page.getByRole('textbox', { name: 'Priority' });
    await priority.fill('900');
    await page.getByRole('alert').waitFor();
    await priority.fill('60');
    await page.getByRole('button', { name: 'Run', exact: true }).click();
    await card(page, 'second').getByText('READY').waitFor();
    await card(page, 'second').getByRole('button', { name: 'Edit…' }).click();
    await page.getByText('More', { exact: true }).click();
    await page.getByLabel('Longest conversation').fill('100000000');
    await page.getByRole('alert').waitFor();
    await page.getByLabel('Longest conversation').fill('512');
    await page.getByRole('button', { name: 'Save' }).click();
    await until('the edit is carried out', async () => {
      const { metaInstances } = await node.state();
      return Object.values(metaInstances).some(
        ({ metaInstanceId, contextLength, phase }) =>
          metaInstanceId === 'second' && contextLength === 512 && phase === 'READY',
      );
    });
    expect(desk.complaints).toEqual([]);
  });

  it('given a delete that is taken back, nothing is deleted; one that is not, is', async () => {
    const page = await open('cluster');
    await card(page, 'second').getByRole('button', { name: 'Delete' }).click();
    await page.getByRole('button', { name: 'Undo' }).click();
    await card(page, 'second').getByText('READY').waitFor();
    await card(page, 'second').getByRole('button', { name: 'Delete' }).click();
    await card(page, 'second').waitFor({ state: 'detached' });
    await until('it is gone', async () => !('second' in (await node.state()).metaInstances));
  });

  it('given a computer to add, a code is shown with its time, and closing takes it back', async () => {
    const page = await open('cluster');
    await page.getByRole('button', { name: 'Add a computer…' }).click();
    await until('the code', async () =>
      /^[A-Z0-9]{5}-[A-Z0-9]{5}$/.test((await page.getByLabel('Pairing code').textContent()) ?? ''),
    );
    await page.getByLabel('Code from the other computer').fill('nonsense');
    await page.getByRole('button', { name: 'Join', exact: true }).click();
    await page.getByText(/A pairing code has ten letters/).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    expect(desk.complaints).toEqual([]);
  });

  it('given what happened, it is told in sentences, filtered and searched', async () => {
    const page = await open('activity');
    await page.getByText('desk started, with Skein').first().waitFor();
    await page.getByRole('radio', { name: 'Models' }).click();
    await page.getByText('Someone deleted second; it winds down.').waitFor();
    await page.getByRole('searchbox', { name: 'Search' }).fill('nothing like this');
    await page.getByText('Nothing of this kind happened.').waitFor();
    expect(desk.complaints).toEqual([]);
  });

  it('given a setting, it is kept for the next start, and a wrong one says why', async () => {
    const page = await open('settings');
    const tasks = page.getByLabel('Chats of one model at a time');
    await tasks.fill('900');
    await page.keyboard.press('Enter');
    await page.getByText(/must be a whole number from 1 to 64/).waitFor();
    await tasks.fill('8');
    await page.keyboard.press('Enter');
    await page.getByText('From the next start on: 8').waitFor();
    await page.getByRole('radio', { name: 'Dark' }).click();
    expect(await page.evaluate(() => getComputedStyle(document.body).colorScheme)).toBe('dark');
    await page.reload();
    await page.getByText('From the next start on: 8').waitFor();
    expect(await page.evaluate(() => document.documentElement.dataset['theme'])).toBe('dark');
    expect(desk.complaints).toEqual([]);
  });

  it('given a scenario, the simulator plays it to its end on the graph', async () => {
    const page = await open('simulator');
    await page.getByRole('combobox', { name: 'Scenario' }).selectOption('master-killed');
    await page.getByRole('radio', { name: '20×' }).click();
    await page.getByRole('button', { name: 'Play' }).click();
    await page.getByText('Everything that must hold held.').waitFor();
    await page.getByText('Leads', { exact: true }).waitFor();
    expect(desk.complaints).toEqual([]);
  });

  it.each<[string, string, (page: Page) => Promise<void>]>([
    ['cluster', 'cluster', async (page) => page.getByText('READY').first().waitFor()],
    ['activity', 'activity', async (page) => page.getByText('desk started').first().waitFor()],
    ['settings', 'settings', async (page) => page.getByText('Chats that may wait').waitFor()],
    ['simulator', 'simulator', async (page) => page.getByRole('button', { name: 'Play' }).waitFor()],
    [
      'create',
      'cluster',
      async (page) => {
        await page.getByRole('button', { name: 'Run a model…' }).click();
        await page.getByText('Runs on desk').waitFor();
      },
    ],
    [
      'pair',
      'cluster',
      async (page) => {
        await page.getByRole('button', { name: 'Add a computer…' }).click();
        await page.getByLabel('Pairing code').waitFor();
      },
    ],
  ])('given %s in both themes and two widths, everyone can use it', async (name, hash, ready) => {
    const page = await open(hash);
    await ready(page);
    await portray(page, name);
    expect(desk.complaints).toEqual([]);
  });

  it('given a node that restarts, the page says so, finds back, and what was typed is there', async () => {
    const { port } = node;
    const page = await open('chat');
    await page.getByRole('textbox').last().fill('half a thought');
    await node.stop();
    await page.getByText(/Skein is not reachable/).waitFor();
    node = await desk.start('--name', 'desk', '--port', String(port));
    await page.getByText(/Skein is not reachable/).waitFor({ state: 'detached' });
    expect(await page.getByRole('textbox').last().inputValue()).toBe('half a thought');
    expect(desk.complaints).toEqual([]);
  });
});
