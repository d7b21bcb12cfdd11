import type { Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { IpcClient } from '../../renderer/lib/ipc-client.ts';
import { connectSocket } from '../../renderer/lib/web-socket.ts';
import type { SkeinProcess } from '../support/e2e-node.ts';
import { type Piece, sayingWire } from './support/answers.ts';
import { barriers, Desk, inBrowser, portray, soon, whyNoBrowser } from './support/dashboard.ts';
import { tap } from './support/wire.ts';

/** What the best and the worst models write, piece by piece. */
const SECTION = `## Section

Prose with **bold**, \`code\`, a [link](https://example.org) and $x^2 + y^2$, long enough to be broken over two lines
of the page when it is shown in a window of ordinary width.

1. First
2. Second
   - nested

| Name | Value |
|:-----|------:|
| a | 1 |
| b | 22 |

\`\`\`python
def add(a: int, b: int) -> int:
    """The sum."""
    return a + b
\`\`\`

$$
\\int_0^1 x\\,dx = \\frac{1}{2}
$$

`;

const HOSTILE = `<script>window.harmed = true</script><img src=x onerror="window.harmed = true">

[run](javascript:window.harmed=true) [data](data:text/html,<script>window.harmed=true</script>) [good](https://example.org/x)

![picture](https://example.org/spy.png)

<iframe src="https://example.org"></iframe><style>body{display:none}</style>

$\\href{javascript:window.harmed=true}{x}$ $\\includegraphics{https://example.org/spy.png}$ $${'x'.repeat(2_000)}$

${'>'.repeat(400)} deep

${'['.repeat(3_000)}

|${' a |'.repeat(60)}
|${'---|'.repeat(60)}
${`|${' cell |'.repeat(60)}\n`.repeat(300)}
`;

const THOUGHTFUL = `<think>
The person wants a table, so **I make one**.
</think>

Here is what I found.

<tool_call>
{"name": "weather", "arguments": {"city": "Oslo"}}
</tool_call>

${SECTION}`;

/** Milliseconds from frame to frame while `forMs` pass, shortest first. */
const frameTimes = (page: Page, forMs: number): Promise<readonly number[]> =>
  page.evaluate(
    (length) =>
      new Promise<number[]>((resolve) => {
        const taken: number[] = [];
        let last = performance.now();
        const until = last + length;
        const frame = (now: number): void => {
          taken.push(now - last);
          last = now;
          if (now < until) requestAnimationFrame(frame);
          else resolve(taken.slice(1).sort((a, b) => a - b));
        };
        requestAnimationFrame(frame);
      }),
    forMs,
  );

/** Tells how long the page's own thread has computed, in ms; other processes do not count. */
const mainThread = async (page: Page): Promise<() => Promise<number>> => {
  const session = await page.context().newCDPSession(page);
  await session.send('Performance.enable', { timeDomain: 'threadTicks' });
  return async () => {
    const { metrics } = await session.send('Performance.getMetrics');
    return (metrics.find(({ name }) => name === 'ThreadTime')?.value ?? 0) * 1_000;
  };
};

const whole = (text: string): readonly Piece[] => [{ text, tokens: 1, thenMs: 0 }];

describe.skipIf(whyNoBrowser !== undefined)(inBrowser('the chat under load'), () => {
  let desk: Desk;
  let node: SkeinProcess;
  beforeAll(async () => {
    desk = new Desk();
    node = await desk.start('--name', 'desk');
  });
  afterAll(() => desk.close());

  /** A page in which a model says `pieces` to whatever is asked. */
  const pageSaying = async (pieces: () => Iterable<Piece>): Promise<Page> => {
    const page = await desk.blank();
    await page.addInitScript(() => window.localStorage.setItem('skein.chat.target', 'small'));
    await tap(page, sayingWire(pieces));
    await page.goto(`${node.address}/#/chat`);
    await page.getByRole('textbox', { name: 'Message' }).fill('Go on');
    return page;
  };
  const ended = (page: Page): Promise<void> => page.locator('article[aria-busy="false"]').waitFor();

  test('without any model it says what to do', async () => {
    const page = await desk.open(node, '#/chat');
    await page.getByRole('heading', { name: 'No model runs yet' }).waitFor();
    await portray(page, 'chat-no-model');
    await page.getByRole('button', { name: 'Run a model…' }).click();
    await page.getByRole('dialog').waitFor();
    await page.context().close();
  });

  test('an answer of 5,000 lines streams at 200 tokens a second', async () => {
    const lines = SECTION.repeat(Math.ceil(5_000 / (SECTION.split('\n').length - 1)));
    const start = lines.length - 4 * 200 * 4;
    const page = await pageSaying(function* () {
      yield { text: lines.slice(0, start), tokens: 1_000, thenMs: 2_000 };
      // Four tokens of four characters each 20 ms, for the last four seconds of it.
      for (let at = start; at < lines.length; at += 16)
        yield { text: lines.slice(at, at + 16), tokens: 4, thenMs: 20 };
    });
    const busy = await mainThread(page);
    await page.keyboard.press('Enter');
    await page.waitForTimeout(2_200);
    const before = await busy();
    const frames = await frameTimes(page, 3_000);
    const spent = (await busy()) - before;
    const at = (share: number): string => (frames[Math.floor((frames.length - 1) * share)] ?? 0).toFixed(1);
    console.log(
      `5,000 lines at 200 tokens/s: ${frames.length} frames in 3 s, median ${at(0.5)} ms, p99 ${at(0.99)} ms, ` +
        `longest ${at(1)} ms; ${(spent / frames.length).toFixed(1)} ms of the page's thread each`,
    );
    await ended(page);
    expect(await page.locator('.md-code').count()).toBe(lines.split('```python').length - 1);
    // The view followed to the end, and stays where its reader scrolls to.
    const scroller = page.getByRole('log');
    const left = (): Promise<number> =>
      scroller.evaluate((box) => box.scrollHeight - box.scrollTop - box.clientHeight);
    await soon(left).toBeLessThan(50);
    await page.context().close();
  }, 60_000);

  test('what a hostile model writes does nothing', async () => {
    const page = await pageSaying(() => whole(HOSTILE));
    await page.keyboard.press('Enter');
    await ended(page);
    await page.getByRole('link', { name: 'picture' }).waitFor();
    expect(await page.evaluate(() => (window as { harmed?: boolean }).harmed)).toBe(undefined);
    const said = page.locator('.md');
    expect(await said.locator('script, iframe, style, img').count()).toBe(0);
    const links = await said
      .getByRole('link')
      .evaluateAll((all) => all.map((each) => each.getAttribute('href')));
    expect(links).toEqual(['https://example.org/x', 'https://example.org/spy.png']);
    for (const link of await said.getByRole('link').all())
      expect([await link.getAttribute('target'), await link.getAttribute('rel')]).toEqual([
        '_blank',
        'noreferrer noopener',
      ]);
    // However wide its tables, the page itself never scrolls sideways.
    expect(
      await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth),
    ).toBeLessThanOrEqual(0);
    await page.context().close();
  });

  test('thoughts are folded, calls of tools are shown, code is coloured, formulas are set', async () => {
    const page = await pageSaying(() => [
      { text: THOUGHTFUL.slice(0, 30), tokens: 5, thenMs: 300 },
      { text: THOUGHTFUL.slice(30), tokens: 5, thenMs: 0 },
    ]);
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Thinking…' }).waitFor();
    await ended(page);
    const thoughts = page.getByRole('button', { name: /^Thought for / });
    expect(await page.getByText('I make one').count()).toBe(0);
    await page.getByText('Tool call: weather').waitFor();
    await page.locator('.katex').first().waitFor();
    await page.locator('.hljs-keyword').first().waitFor();
    await portray(page, 'chat-answer');
    await thoughts.click();
    await page.getByText('I make one').waitFor();
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await page.getByRole('button', { name: 'Copy', exact: true }).last().click();
    const copied = await page.evaluate(() => navigator.clipboard.readText());
    expect(copied).toContain('Here is what I found.');
    expect(copied).not.toContain('I make one');
    await page.context().close();
  });

  test('200 conversations are listed at once and found by a word', async () => {
    const connection = await connectSocket(
      `${node.address.replace('http', 'ws')}/ipc`,
      AbortSignal.timeout(5_000),
    );
    const client = new IpcClient(connection);
    for (let count = 1; count <= 200; count += 1) {
      const { id } = await client.call('createConversation', { target: 'small', settings: {} });
      await client.call('changeConversation', { conversationId: id, title: `Conversation number ${count}` });
    }
    client.close();
    const page = await desk.open(node, '#/chat');
    const list = page.getByRole('navigation', { name: 'Conversations' });
    await soon(() => list.getByRole('listitem').count()).toBeGreaterThanOrEqual(200);
    expect(await barriers(page)).toEqual([]);
    await list.getByRole('searchbox').fill('number 137');
    await soon(() => list.getByRole('listitem').count()).toBe(1);
    await list.getByRole('button', { name: 'Conversation number 137', exact: true }).click();
    await page.getByRole('heading', { name: 'Conversation number 137' }).waitFor();
    await page.context().close();
  });

  test('gave nobody reason to complain', () => expect(desk.complaints).toEqual([]));
});
