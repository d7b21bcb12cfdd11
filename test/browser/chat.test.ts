import { readFileSync } from 'node:fs';
import type { Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { SkeinProcess } from '../support/e2e-node.ts';
import { until } from '../support/e2e-until.ts';
import { Desk, inBrowser, portray, soon, whyNoBrowser } from './support/dashboard.ts';

const LONG = 'Write a very long story about a lighthouse, its keeper and the sea.';

describe.skipIf(whyNoBrowser !== undefined)(inBrowser('the chat, with a real node and model'), () => {
  let desk: Desk;
  let node: SkeinProcess;
  let page: Page;

  beforeAll(async () => {
    desk = new Desk();
    node = await desk.start('--name', 'desk');
    page = await desk.open(node, '#/chat');
  });
  afterAll(() => desk.close());

  const composer = () => page.getByRole('textbox', { name: 'Message' });
  const answers = () => page.getByRole('article', { name: /^Answer of/ });
  const mine = () => page.getByRole('article', { name: 'You' });
  const stop = () => page.getByRole('button', { name: 'Stop', exact: true });

  const say = async (text: string): Promise<void> => {
    await composer().fill(text);
    await page.keyboard.press('Enter');
  };
  /** Until nothing is being written any more. */
  const written = async (count: number): Promise<void> => {
    await soon(() => answers().count()).toBe(count);
    await soon(() => answers().last().getAttribute('aria-busy')).toBe('false');
  };
  const begun = (): Promise<void> =>
    page.locator('[aria-busy="true"] .md').last().waitFor({ state: 'visible' });
  /** Ends what is being written once it has begun, unless it has ended already. */
  const cut = async (): Promise<void> => {
    await soon(
      async () => (await page.locator('[aria-busy="true"] .md').count()) > 0 || (await stop().count()) === 0,
    ).toBe(true);
    await page.keyboard.press('Escape');
    await soon(() => stop().count()).toBe(0);
  };
  /** New conversations answer at once and shortly: the story of each test is about what follows. */
  const fresh = async (): Promise<void> => {
    await page.getByRole('button', { name: 'New chat' }).first().click();
    await page.getByRole('heading', { name: 'What can I do for you?' }).waitFor();
  };

  test('takes what is said before the model is ready, says what it waits for, and answers then', async () => {
    await node.create('small');
    const [runner] = await until(
      () => 'a runner starts',
      () => (desk.world.runners.length > 0 ? desk.world.runners : undefined),
    );
    // Held, so that there is time to look.
    process.kill(runner!.pid, 'SIGSTOP');
    await page.getByText(/small is .*What you send is answered as soon as it is ready/).waitFor();
    await say('Say hello.');
    await page.getByRole('status').filter({ hasText: /small/ }).waitFor();
    process.kill(runner!.pid, 'SIGCONT');
    await written(1);
    await fresh();
  });

  test('begins with who answers and a few ways to begin', async () => {
    await page.getByText('SmolLM2 135M Instruct answers, on your own machines.').waitFor();
    await portray(page, 'chat-empty');
    await page.getByRole('button', { name: /Explain something/ }).click();
    expect(await composer().inputValue()).toContain('sky is blue');
    await composer().fill('');
  });

  test('answers, names the conversation and says how fast it was', async () => {
    await say('Say hello to **me** in one short sentence.');
    await written(1);
    expect(await answers().last().innerText()).toMatch(/\d+ tokens?.* · first after/);
    expect(new URL(page.url()).hash).toMatch(/^#\/chat\/.+/);
    const list = page.getByRole('navigation', { name: 'Conversations' });
    await list.getByRole('button', { name: 'Say hello to me in one short sentence.', exact: true }).waitFor();
    expect(await composer().evaluate((field) => field === document.activeElement)).toBe(true);
  });

  test('keeps what was said before an edit, and another answer beside the first', async () => {
    const first = await mine().last().innerText();
    await composer().press('ArrowUp');
    const edit = page.getByRole('textbox', { name: 'Edit' });
    await edit.fill('Count from one to three, then tell a long story of each number.');
    await edit.press('Enter');
    await page.getByText('2/2').first().waitFor();
    await cut();
    expect(await mine().last().innerText()).toContain(
      'Count from one to three, then tell a long story of each number.',
    );
    await page.getByRole('button', { name: 'Answer again' }).click();
    await cut();
    await answers().last().getByText('2/2').waitFor();
    await mine().last().getByRole('button', { name: 'Previous version' }).click();
    await soon(() => mine().last().innerText()).toContain(first.split('\n')[0]);
    await page.reload();
    // What was said last is what a page begins with.
    await mine().last().getByText('2/2').waitFor();
    await answers().last().getByText('2/2').waitFor();
  });

  test('stops at once on Escape, for the runner too, and keeps what was said', async () => {
    await fresh();
    await say(LONG);
    await begun();
    await page.keyboard.press('Escape');
    await page.getByText('Stopped', { exact: true }).waitFor({ timeout: 1_000 });
    expect(await stop().count()).toBe(0);
    await until(
      () => 'the task is gone',
      async () => Object.keys((await node.state()).tasks).length === 0,
      3_000,
    );
    const said = (await answers().last().locator('.md').innerText()).slice(0, 40);
    await page.reload();
    await soon(() => answers().last().innerText()).toContain(said);
    await page.getByText('Stopped', { exact: true }).waitFor();
  });

  test('keeps what was said when the page is loaded anew in the middle of an answer', async () => {
    await fresh();
    await say(LONG);
    await begun();
    await soon(() =>
      answers()
        .last()
        .locator('.md')
        .innerText()
        .then((text) => text.length),
    ).toBeGreaterThan(60);
    const said = (await answers().last().locator('.md').innerText()).slice(0, 40);
    await page.reload();
    await soon(() => answers().last().innerText()).toContain(said);
    expect(await mine().last().innerText()).toContain(LONG);
  });

  test('says what happened when a runner is killed in the middle, and goes on where it was', async () => {
    await fresh();
    await say(LONG);
    await begun();
    const said = await answers().last().locator('.md').innerText();
    for (const { pid } of desk.world.runners) process.kill(pid, 'SIGKILL');
    await answers().last().getByRole('status').filter({ hasText: 'desk' }).waitFor();
    const more = async (): Promise<number> => (await answers().last().locator('.md').innerText()).length;
    await soon(more).toBeGreaterThan(said.length + 200);
    await page.keyboard.press('Escape');
    expect((await answers().last().locator('.md').innerText()).startsWith(said)).toBe(true);
    expect(await answers().last().getByRole('alert').count()).toBe(0);
  });

  test('says why an answer ended early, and answers again once the model is back', async () => {
    await fresh();
    await say(LONG);
    await begun();
    await node.ask('/meta_instance/small/pause', { method: 'POST' });
    const problem = answers().last().getByRole('alert');
    await problem.waitFor();
    expect(await problem.innerText()).toMatch(/The answer ended early\n.*paused/s);
    await page.getByText('small can’t answer: paused.').waitFor();
    await portray(page, 'chat-problem');
    await node.ask('/meta_instance/small/resume', { method: 'POST' });
    await page.getByText(/What you send is answered as soon as it is ready/).waitFor();
    await problem.getByRole('button', { name: 'Try again' }).click();
    await begun();
    await page.keyboard.press('Escape');
    await answers().last().getByText('2/2').waitFor();
  });

  test('finds back to a node that was killed and started again, with what was said until then', async () => {
    await fresh();
    await say(LONG);
    await begun();
    await soon(async () => (await answers().last().locator('.md').innerText()).length).toBeGreaterThan(120);
    // What was said is on disk half a second later.
    await page.waitForTimeout(700);
    await composer().fill('half a thought');
    node.signal('SIGKILL');
    await page.getByText(/Skein is not reachable/).waitFor();
    await node.ended;
    node = await desk.start('--name', 'desk', '--port', String(node.port));
    await answers().last().getByText('The answer was interrupted').waitFor();
    expect(await answers().last().locator('.md').innerText()).not.toBe('');
    expect(await composer().inputValue()).toBe('half a thought');
    await composer().fill('');
    await answers().last().getByRole('button', { name: 'Try again' }).click();
    await begun();
    await page.keyboard.press('Escape');
    await answers().last().getByText('2/2').waitFor();
  });

  test('puts two models side by side and goes on with one', async () => {
    await node.createReady('second');
    await fresh();
    await page.getByRole('button', { name: 'Compare with another model' }).click();
    await page.getByRole('menuitem').first().click();
    await say('Name one colour.');
    await soon(() => answers().count()).toBe(2);
    await soon(() => page.locator('[aria-busy="true"]').count()).toBe(0);
    const names = await answers().evaluateAll((all) => all.map((each) => each.getAttribute('aria-label')));
    expect(names.toSorted()).toEqual(['Answer of second', 'Answer of small']);
    await portray(page, 'chat-side-by-side');
    await page.getByRole('button', { name: 'Go on with second' }).click();
    await soon(() => answers().count()).toBe(1);
    await page.getByRole('button', { name: 'Model: second' }).waitFor();
    await answers()
      .last()
      .getByText(/[12]\/2/)
      .waitFor();
  });

  test('sends text files along and says why it takes no others', async () => {
    await fresh();
    const files = page.locator('input[type="file"]');
    await files.setInputFiles([
      { name: 'colours.txt', mimeType: 'text/plain', buffer: Buffer.from('red\ngreen\n') },
      { name: 'photo.jpg', mimeType: 'image/jpeg', buffer: Buffer.from([0xff, 0xd8, 0xff, 0x00]) },
    ]);
    await page.getByText('photo.jpg is not a text file.').waitFor();
    await page.getByRole('listitem').getByText('colours.txt').waitFor();
    const dropped = await page.evaluateHandle(() => {
      const data = new DataTransfer();
      data.items.add(new File(['one two'], 'dropped.md', { type: 'text/markdown' }));
      return data;
    });
    await composer().dispatchEvent('dragover', { dataTransfer: dropped });
    await page.getByText('Drop text files here').waitFor();
    await composer().dispatchEvent('drop', { dataTransfer: dropped });
    await page.getByRole('listitem').getByText('dropped.md').waitFor();
    await page.getByRole('button', { name: 'Remove dropped.md' }).click();
    await page.reload();
    await page.getByRole('listitem').getByText('colours.txt').waitFor();
    await say('Which colours?');
    await soon(() => answers().count()).toBe(1);
    await cut();
    const text = await mine().last().innerText();
    expect(text).toContain('colours.txt');
    await page.getByRole('heading', { name: 'Which colours?' }).waitFor();
    expect(text).not.toContain('green');
  });

  test('keeps a draft over a reload', async () => {
    await fresh();
    await composer().fill('half a thou');
    await page.reload();
    await soon(() => composer().inputValue()).toBe('half a thou');
    await composer().fill('');
  });

  test('answers as this chat is set, also after a reload', async () => {
    await fresh();
    await page.getByRole('button', { name: 'Settings of this chat' }).click();
    const settings = page.getByRole('dialog', { name: 'Settings of this chat' });
    await settings.getByRole('textbox', { name: 'Longest answer' }).fill('3');
    await settings.getByRole('textbox', { name: 'System prompt' }).fill('You are a pirate.');
    await settings.getByRole('textbox', { name: 'Seed' }).fill('7');
    await settings.getByRole('textbox', { name: 'Temperature' }).fill('99');
    await settings.getByRole('textbox', { name: 'Seed' }).focus();
    expect(await settings.getByRole('textbox', { name: 'Temperature' }).inputValue()).toBe('');
    await portray(page, 'chat-settings');
    await page.keyboard.press('Escape');
    await say('Tell me about the sea.');
    await written(1);
    await page.getByText('Ended at its longest length').waitFor();
    expect(await answers().last().innerText()).toContain('3 tokens');
    await page.reload();
    await page.getByRole('button', { name: 'Settings of this chat' }).click();
    await soon(() => settings.getByRole('textbox', { name: 'System prompt' }).inputValue()).toBe(
      'You are a pirate.',
    );
    await page.keyboard.press('Escape');
  });

  test('is searched, renamed, exported, deleted and brought back', async () => {
    const list = page.getByRole('navigation', { name: 'Conversations' });
    const search = list.getByRole('searchbox');
    await search.fill('lighthouse keeper');
    await soon(() => list.getByRole('listitem').count()).toBe(5);
    await search.fill('Count from one');
    await soon(() => list.getByRole('listitem').count()).toBe(1);
    const row = list.getByRole('listitem').first();
    const choose = async (name: string): Promise<void> => {
      await row.hover();
      await row.getByRole('button', { name: /^Actions for/ }).click();
      await page.getByRole('menuitem', { name, exact: true }).click();
    };
    await choose('Rename');
    await page.getByRole('textbox', { name: 'Name of the conversation' }).fill('Numbers');
    await page.keyboard.press('Enter');
    await row.getByRole('button', { name: /^Numbers/ }).waitFor();
    for (const [format, expected] of [
      ['Export as Markdown', 'Count from one to three'],
      ['Export as JSON', '"title": "Numbers"'],
    ] as const) {
      const download = page.waitForEvent('download');
      await choose(format);
      expect(readFileSync(await (await download).path(), 'utf8')).toContain(expected);
    }
    await choose('Delete');
    await soon(() => list.getByRole('listitem').count()).toBe(0);
    await page.getByRole('button', { name: 'Undo' }).click();
    await row.getByRole('button', { name: /^Numbers/ }).waitFor();
    await search.fill('');
  });

  test('is written in the keyboard alone', async () => {
    await page.keyboard.press('Control+Shift+O');
    await page.getByRole('heading', { name: 'What can I do for you?' }).waitFor();
    await page.getByRole('button', { name: /^Model: / }).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('menuitemradio').first().waitFor();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Escape');
    expect(await page.getByRole('menuitemradio').count()).toBe(0);
  });

  test('gave nobody reason to complain', () => {
    expect(desk.complaints).toEqual([]);
  });
});
