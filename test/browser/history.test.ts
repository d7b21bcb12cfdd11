import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { IndexedEvent } from '../../main/core/event.ts';
import { NodeId } from '../../main/core/id.ts';
import { systemClock } from '../../main/node/clock.ts';
import { createLog } from '../../main/node/log.ts';
import { LoneLog } from '../node/store/lone-log.ts';
import type { SkeinProcess } from '../support/e2e-node.ts';
import { Desk, inBrowser, whyNoBrowser } from './support/dashboard.ts';

const EVENTS = 10_000;
const log = createLog({ level: 'silent', now: () => 0, write: () => undefined });
const nodeId = NodeId.parse('12D3KooWAVJAiRw8ySzh2bRJ2Kq41RKXTHExMZw29jV1s8L7NR1u');

/** A computer that started again and again. */
const event = (index: number): IndexedEvent => ({
  index,
  at: 1_790_000_000_000 + index * 1_000,
  event: {
    type: 'NodeStarted',
    nodeId,
    name: 'old',
    version: '0.0.9',
    sessionId: `session-${index}`,
    memoryBytes: 1,
  },
});

describe.skipIf(whyNoBrowser !== undefined)(inBrowser('a long history'), () => {
  const desk = new Desk();
  let node: SkeinProcess;

  beforeAll(async () => {
    mkdirSync(desk.world.dataDir, { recursive: true });
    const path = join(desk.world.dataDir, 'events.sqlite');
    const opened = LoneLog.open({ clock: systemClock, log }, { path, self: nodeId });
    for (let first = 1; first <= EVENTS; first += 500) {
      await opened.log.append(Array.from({ length: 500 }, (_, at) => event(first + at)));
    }
    await opened.log.close();
    node = await desk.start('--name', 'desk');
  });
  afterAll(() => desk.close());

  it(`given ${EVENTS} events, the page shows the newest at once, goes back page by page, and searches`, async () => {
    const page = await desk.open(node, '#/activity');
    await page.getByText('desk started').first().waitFor();
    const rows = page.getByRole('region', { name: 'What happened' }).getByRole('listitem');
    const first = await rows.count();
    expect(first).toBeLessThanOrEqual(300);
    for (let more = 0; more < 8; more += 1) {
      await page.getByRole('button', { name: 'Show older' }).click();
      await expect.poll(() => rows.count()).toBe(first + 300 * (more + 1));
    }
    await page.getByRole('searchbox', { name: 'Search' }).fill('desk started');
    await expect.poll(() => rows.count()).toBeLessThan(10);
    expect(desk.complaints).toEqual([]);
  });

  it('given the page opens on it, what is there is painted soon and the figures are told', async () => {
    const page = await desk.open(node, '#/cluster');
    await page.getByText('Cluster').first().waitFor();
    const paint = await page.evaluate(() =>
      performance
        .getEntriesByType('paint')
        .map(({ name, startTime }) => `${name} ${Math.round(startTime)} ms`),
    );
    const bytes = await page.evaluate(() =>
      performance
        .getEntriesByType('resource')
        .reduce((sum, entry) => sum + (entry as PerformanceResourceTiming).decodedBodySize, 0),
    );
    process.stdout.write(
      `  dashboard: ${paint.join(', ')}; ${Math.round(bytes / 1024)} KiB to the first view\n`,
    );
    expect(paint.length).toBeGreaterThan(0);
  });
});
