import { createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Page } from 'playwright';
import { MODEL, World, type SkeinProcess } from '../support/e2e-node.ts';
import { until } from '../support/e2e-until.ts';
import { Desk, inBrowser, portray, whyNoBrowser } from './support/dashboard.ts';

const KEY = 'a1'.repeat(32);

/** A TCP port that was free a moment ago. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() =>
        typeof address === 'object' && address !== null
          ? resolve(address.port)
          : reject(new Error('no port')),
      );
    });
  });
}

describe.skipIf(whyNoBrowser !== undefined)(inBrowser('the dashboard of two nodes'), () => {
  const desk = new Desk();
  const other = new World();
  let node: SkeinProcess;
  let shelf: SkeinProcess;
  let page: Page;
  let flags: readonly string[];

  beforeAll(async () => {
    const [one, two] = [await freePort(), await freePort()];
    const common = ['--cluster-key', KEY, '--no-discovery', '--peer-host', '127.0.0.1'];
    flags = [...common, '--name', 'shelf', '--peer-port', String(two), '--peer', `127.0.0.1:${one}`];
    node = await desk.start(
      ...common,
      '--name',
      'desk',
      '--peer-port',
      String(one),
      '--peer',
      `127.0.0.1:${two}`,
    );
    shelf = await other.start(...flags);
    page = await desk.open(node, '#/cluster');
  });
  afterAll(async () => {
    await desk.close();
    await other.close();
  });

  const nodeCard = (name: string) =>
    page
      .getByRole('region', { name: 'Computers and how they are linked' })
      .getByRole('button', { name: new RegExp(`^${name}`) });

  it('given two computers, both are shown with their link and who leads', async () => {
    await nodeCard('desk').waitFor();
    await nodeCard('shelf').waitFor();
    await page.getByText('same computer').first().waitFor();
    await page.getByText('Leads', { exact: true }).first().waitFor();
    await page.getByText('2 computers').waitFor();
    await portray(page, 'two-nodes');
  });

  it('given both are picked on the graph, the preview splits the layers, and the model runs on both', async () => {
    await page.getByRole('button', { name: 'Run a model…' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('button', { name: /^desk/ }).click();
    await dialog.getByRole('button', { name: /^shelf/ }).click();
    await dialog.getByText('Must take part: desk and shelf').waitFor();
    await dialog.getByText(/^layers 1–\d+$/).waitFor();
    await portray(page, 'create-two-nodes');
    await dialog.getByRole('textbox', { name: 'Name' }).fill('both');
    await dialog.getByRole('button', { name: 'Run', exact: true }).click();
    const card = page.getByRole('article', { name: 'both', exact: true });
    await card.getByText('READY', { exact: true }).waitFor();
    await card.getByText(/desk and shelf|shelf and desk/).waitFor();
    await card.getByRole('button', { name: 'More about both' }).click();
    await card.getByText(/layers 1–/).waitFor();
  });

  it('given RDMA where there is none, it can not be chosen and the reason is said', async () => {
    await page.getByRole('button', { name: 'Run a model…' }).click();
    const rdma = page.getByRole('dialog').getByRole('radio', { name: 'RDMA' });
    expect(await rdma.isDisabled()).toBe(true);
    await page.getByText('No two computers here are joined by RDMA over Thunderbolt 5.').waitFor();
    await page.keyboard.press('Escape');
  });

  it('given a computer that dies while one watches, it is greyed with since when, and what ran says what comes next', async () => {
    await shelf.stop('SIGKILL');
    await nodeCard('shelf').getByText(/^Away/).waitFor();
    await page.getByText('2 computers, 1 is away').waitFor();
    const card = page.getByRole('article', { name: 'both', exact: true });
    await card
      .getByText(/PLACING|PLACEMENT FAILED|RETRYING/)
      .first()
      .waitFor();
    await portray(page, 'node-lost');
    shelf = await other.start(...flags);
    await page.getByText('2 computers', { exact: true }).waitFor();
    await card.getByText('READY', { exact: true }).waitFor();
    expect(desk.complaints).toEqual([]);
  });

  it('given a computer that is removed, it is gone for good', async () => {
    await nodeCard('shelf').click();
    await page.getByRole('button', { name: 'Remove from the cluster…' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Remove', exact: true }).click();
    await page.getByText(/shelf is removed/).waitFor();
    await until(
      'the page shows one computer',
      async () => (await page.getByText('One computer').count()) === 1,
    );
    await until(
      `${MODEL} is known`,
      async () => Object.keys((await node.state()).topology.nodes).length === 1,
    );
    expect(desk.complaints).toEqual([]);
  });
});
