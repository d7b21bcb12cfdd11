import { afterEach, beforeEach, expect, it } from 'vitest';
import type { NodeApi } from '../../main/node/api.ts';
import { Announcer } from '../../main/node/announcer.ts';
import { someNode } from '../support/builders.ts';
import { WorkerWorld } from '../support/worker-world.ts';

let world: WorkerWorld;
let announcer: Announcer;
let printed: string;

async function announce(isTTY: boolean): Promise<void> {
  world = new WorkerWorld();
  printed = '';
  await world.start();
  const api = {
    nodeId: someNode,
    version: '0.1.0',
    state: () => world.state,
    telemetry: () => ({ nodes: {}, runners: {}, downloads: world.worker.telemetry.downloads }),
    watch: (listener: Parameters<NodeApi['watch']>[0]) => world.member.watch({ onEntry: listener }),
  } as unknown as NodeApi;
  const output = { isTTY, write: (text: string): void => void (printed += text) };
  announcer = new Announcer({ api, clock: world.clock, output });
  announcer.start({ address: 'http://127.0.0.1:52415', dataDir: '/data' });
}

beforeEach(() => announce(false));
afterEach(async () => {
  announcer.stop();
  announcer.stop();
  await world.stop();
});

it('tells each phase once and offers something to paste when the first model is ready', async () => {
  await world.submit('create');
  await world.becomeReady();
  expect(printed).toBe(
    `Skein 0.1.0 on desk
  node  ${someNode}
  data  /data
  API   http://127.0.0.1:52415  (docs: http://127.0.0.1:52415/openapi.json)

chat         PLACING          Tiny
chat         DOWNLOADING      Tiny
chat         LOADING          0 of 4 layers
chat         WARMING UP       Tiny
chat         READY            Tiny

Ready after 0.0 s. Ask it something:

  curl http://127.0.0.1:52415/v1/chat/completions -H 'Content-Type: application/json' \\
    -d '{"model":"Tiny","messages":[{"role":"user","content":"Say hello."}]}'

Ctrl-C stops Skein.

`,
  );
});

it('tells of a delete in two lines, however many steps it takes', async () => {
  await world.submit('create');
  await world.becomeReady();
  printed = '';
  await world.submit('delete');
  world.runner.exit({ type: 'Exited', code: 0 });
  await world.settle();
  expect(printed).toBe('chat         DELETING         Tiny\nchat         deleted\n');
});

it('says what is missing, what failed and what to do', async () => {
  await world.submit('create');
  world.models.missing('tiny.gguf was not found');
  await world.settle();
  expect(printed).toContain('DOWNLOADING      desk: tiny.gguf was not found');
  printed = '';
  await world.pass(10_000);
  world.models.found();
  await world.settle();
  for (let attempt = 0; attempt < 4; attempt += 1) {
    world.runner.hello();
    world.runner.exit({ type: 'Signalled', signal: 'SIGSEGV' });
    await world.pass(10_000);
  }
  expect(printed).toMatch(/RETRYING 1\/3 .*desk: .*SIGSEGV/);
  expect(printed).toMatch(/FAILED .*desk: .*\(skein retry chat\)/);
});

it('on a terminal the progress is one line that is drawn over', async () => {
  announcer.stop();
  await world.stop();
  await announce(true);
  await world.submit('create');
  await world.pass(150);
  expect(printed).toContain('verified 0 B of 977 KiB');
  await world.becomeReady();
  await world.pass(150);
  expect(printed.split('\r\x1b[2K').at(-1)).toMatch(/Ctrl-C stops Skein/);
});
