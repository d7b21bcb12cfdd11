import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MODEL, realModel, type SkeinProcess } from '../support/e2e-node.ts';
import { Desk, inBrowser, portray, soon, whyNoBrowser } from './support/dashboard.ts';

describe.skipIf(whyNoBrowser !== undefined)(inBrowser('the models'), () => {
  let desk: Desk;
  let node: SkeinProcess;
  let page: Page;

  beforeAll(async () => {
    desk = new Desk();
    node = await desk.start('--name', 'desk');
    page = await desk.open(node, '#/models');
  });
  afterAll(() => desk.close());

  const model = (title: string) => page.getByRole('article', { name: title, exact: true });
  const starter = () => model('SmolLM2 135M Instruct');

  test('tell what they are, whether they fit and where their files lie', async () => {
    await starter()
      .getByText(/Fits on desk/)
      .waitFor();
    expect(await starter().innerText()).toMatch(
      /llama · Q4_1 · 93\.8 MiB[\s\S]*8,192 tokens[\s\S]*Apache-2\.0/,
    );
    await page.getByRole('region', { name: 'Disk space' }).getByText('desk').waitFor();
    await page.getByRole('searchbox').fill('mistral');
    await page.getByText('No model has “mistral” in its name.').waitFor();
    await page.getByRole('searchbox').fill('');
  });

  test('come from the disk, and what is no model is refused with the reason', async () => {
    const { folder } = desk.world;
    writeFileSync(join(folder, 'notes.gguf'), 'hello');
    symlinkSync(realModel, join(folder, 'Second copy.gguf'));
    await page.getByRole('button', { name: 'Import…' }).click();
    const dialog = page.getByRole('dialog', { name: 'Import a model' });
    const path = dialog.getByRole('textbox', { name: 'Path of the file' });
    await path.fill(join(folder, 'notes.gguf'));
    await page.keyboard.press('Enter');
    await dialog.getByText(/it is not a GGUF file/).waitFor();
    await portray(page, 'models-import');
    await path.fill(join(folder, 'Second copy.gguf'));
    await dialog.getByRole('button', { name: 'Import', exact: true }).click();
    await dialog.getByText(/ is here$/).waitFor();
    await dialog.getByRole('button', { name: 'Close' }).last().click();
    await soon(() => page.getByRole('article').count()).toBe(2);
  });

  test('are run from here, and chatted with once they run', async () => {
    await starter().getByRole('button', { name: 'Run SmolLM2 135M Instruct' }).click();
    await page.getByRole('dialog').getByText('SmolLM2 135M Instruct').first().waitFor();
    await page.keyboard.press('Escape');
    await node.createReady('small');
    await starter().getByText('small: ready').waitFor();
    await starter().getByText('On desk', { exact: true }).waitFor();
    await portray(page, 'models');
    await starter().getByRole('button', { name: 'Chat with SmolLM2 135M Instruct' }).click();
    await page.getByRole('button', { name: 'Model: small' }).waitFor();
    await page.getByRole('textbox', { name: 'Message' }).fill('Say yes.');
    await page.keyboard.press('Enter');
    // How much it says is the model's own: its first words are an answer.
    await page.locator('article[aria-busy] .md').first().waitFor();
    expect((await node.state()).metaInstances).toHaveProperty('small.modelId', MODEL);
  });

  test('gave nobody reason to complain', () => expect(desk.complaints).toEqual([]));
});
