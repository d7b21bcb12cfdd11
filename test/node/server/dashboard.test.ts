import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { dashboardIn, pageFilesIn } from '../../../main/node/server/dashboard.ts';

describe('the dashboard as it is served', () => {
  let folder: string;
  const servers: Server[] = [];

  const serve = async (from: string): Promise<string> => {
    const dashboard = dashboardIn(from);
    const server = createServer((incoming, outgoing) => {
      if (!dashboard(incoming, outgoing)) outgoing.writeHead(404).end('api');
    });
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  };

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'skein-dashboard-'));
    mkdirSync(join(folder, 'assets'));
    writeFileSync(join(folder, 'index.html'), '<p>page');
    writeFileSync(join(folder, 'assets', 'a-1.js'), 'run()');
  });
  afterAll(() => {
    for (const server of servers) server.close();
    rmSync(folder, { recursive: true, force: true });
  });

  test.each([
    ['/', 200, 'text/html; charset=utf-8', 'no-cache'],
    ['/?old=1', 200, 'text/html; charset=utf-8', 'no-cache'],
    ['/assets/a-1.js', 200, 'text/javascript; charset=utf-8', 'public, max-age=31536000, immutable'],
    ['/assets/../../etc/passwd', 404, null, null],
    ['/state', 404, null, null],
  ])('given %s, the answer is %i', async (path, status, type, cache) => {
    const answer = await fetch((await serve(folder)) + path);
    const { headers } = answer;
    expect([answer.status, headers.get('content-type'), headers.get('cache-control')]).toEqual([
      status,
      type,
      cache,
    ]);
    await answer.text();
  });

  test('given a page that was seen before, it is not sent again, and its rules let nothing remote in', async () => {
    const address = await serve(folder);
    const first = await fetch(address);
    expect(first.headers.get('content-security-policy')).toMatch(/default-src 'none'.*script-src 'self'/);
    const again = await fetch(address, { headers: { 'if-none-match': first.headers.get('etag') ?? '' } });
    expect([again.status, await again.text()]).toEqual([304, '']);
    expect((await fetch(address, { method: 'POST' })).status).toBe(404);
  });

  test('given a dashboard that was never built, the page says what to do', async () => {
    const answer = await fetch(await serve(join(folder, 'nothing')));
    expect(await answer.text()).toContain('npm run setup');
  });

  test('given the dashboard as set-up built it, each font is there once, in the format that pages fetch', () => {
    const built = join(import.meta.dirname, '../../../.cache/dashboard');
    const fonts = [...pageFilesIn(built)].filter(([path]) => /\.(woff2?|ttf|otf|eot)$/.test(path));
    expect(new Set(fonts.map(([, { type }]) => type))).toEqual(new Set(['font/woff2']));
  });
});
