import { execFile, spawnSync } from 'node:child_process';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ChatAnswer } from '../../main/core/contract/rest-chat.ts';
import { endless, MODEL, World } from '../support/e2e-node.ts';
import { moment, seeded, until } from '../support/e2e-until.ts';

let world: World;
beforeEach(() => {
  world = new World();
});
afterEach(() => world.close());

const hasCurl = spawnSync('curl', ['--version']).status === 0;

describe('a node that can not start', () => {
  it('because another one has its data folder says so and ends with 1; the other goes on', async () => {
    const first = await world.start();
    const second = world.spawn();
    expect(await second.ended).toEqual({ code: 1, signal: null });
    expect(second.stderr).toBe(
      `Skein could not start: Another Skein (pid ${first.pid}) uses the data folder ${world.dataDir}. ` +
        'Use that one, stop it, or start this one with another --data-dir.\n',
    );
    expect(second.stdout).toBe('');
    expect((await first.ask('/health')).status).toBe(200);
  });

  it('because another node has its port names that node, and ends with 1', async () => {
    const first = await world.start();
    const elsewhere = new World();
    try {
      const second = elsewhere.spawn('--port', String(first.port));
      expect(await second.ended).toEqual({ code: 1, signal: null });
      expect(second.stderr).toContain(`Port ${first.port} is in use by another Skein node (12D3Koo`);
      expect(second.stderr).toContain('choose another with --port');
      // It let go of what it held.
      await elsewhere.start();
    } finally {
      await elsewhere.close();
    }
  });

  it('because another program has its port says that, and ends with 1', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await until('it listens', () => other.listening, 2_000);
    const { port } = other.address() as AddressInfo;
    const node = world.spawn('--port', String(port));
    expect(await node.ended).toEqual({ code: 1, signal: null });
    expect(node.stderr).toContain(`Port ${port} is in use by another program`);
    other.close();
  });

  it('because of wrong flags names each, and ends with 2', async () => {
    const node = world.spawn('--max-tasks', 'many', '--prefill-chunk', '0');
    expect(await node.ended).toEqual({ code: 2, signal: null });
    expect(node.stderr).toMatch(/skein serve: --max-tasks: .*"many"\n--prefill-chunk: .*"0"/);
  });
});

describe('a node whose terminal is gone', () => {
  it('goes on, and ends in order when it is asked', async () => {
    const node = await world.start();
    node.closeTerminal();
    await node.createReady('quiet');
    expect(await node.stop('SIGHUP')).toEqual({ code: 0, signal: null });
    await world.untilNothingRuns();
  });
});

describe('a node that is asked to end', () => {
  it.each<NodeJS.Signals>(['SIGTERM', 'SIGINT'])(
    'by %s ends its streams and its runner and itself, with 0',
    async (signal) => {
      const node = await world.start();
      await node.createReady('talker');
      const stream = node.stream('talker', endless.content, endless.more);
      await until('it writes', () => stream.textAt.length > 2);
      const whole = node.chat('talker', endless.content, endless.more).catch(String);
      await until('both run', async () => Object.keys((await node.state()).tasks).length === 2);
      expect(await node.stop(signal, 4_000)).toEqual({ code: 0, signal: null });
      expect(await whole).toMatch(/^Error: 503 .*the node is stopping/);
      await stream.ended;
      expect(stream).toMatchObject({ done: true, error: { message: 'The node is stopping.' } });
      expect(world.processes).toEqual([]);
      expect(node.stderr).not.toMatch(/ (warn|error) /);

      if (signal !== 'SIGTERM') return;
      const again = await world.start();
      const back = await again.untilPhase('talker', 'READY');
      expect(back).toMatchObject({ consecutiveFailures: 0, lastFailure: null });
    },
  );

  it('at any moment of a start ends soon and leaves nothing, and nothing counts as a failure', async () => {
    const random = seeded(5);
    for (let round = 0; round < 6; round += 1) {
      const node = world.spawn('--starter');
      await moment(1_200 * random());
      const { code, signal } = await node.stop('SIGTERM', 6_000);
      // Before Skein's own first line has run, the signal is the system's to answer.
      expect(signal ?? code).toBe(node.stderr.includes('Stopping') ? 0 : 'SIGTERM');
      expect(world.processes).toEqual([]);
    }
    const node = await world.start('--starter');
    const ready = await node.untilPhase('starter', 'READY');
    expect(ready).toMatchObject({ consecutiveFailures: 0, lastFailure: null });
  });

  it('twice, a second apart, ends at once; a runner that could not hear it ends as soon as it can', async () => {
    const node = await world.start();
    await node.createReady('deaf');
    const [runner] = world.runners;
    process.kill(runner!.pid, 'SIGSTOP');
    node.signal('SIGINT');
    await until('it says that it stops', () => node.stderr.includes('Once more to stop at once'), 2_000);
    // What comes within a second is taken for the same Ctrl-C, passed on by npm.
    await moment(1_100);
    expect((await node.stop('SIGINT', 1_000)).code).toBe(1);
    process.kill(runner!.pid, 'SIGCONT');
    await world.untilNothingRuns(3_000);
  });
});

describe('the terminal of a node', () => {
  it('says where it is, what becomes of the starter, and a curl line that answers', async (context) => {
    const node = await world.start('--starter');
    await until('it is ready', () => node.stdout.includes('Ctrl-C stops Skein.'));
    const nodeId = (await node.ask('/node_id')).json as string;
    const { version } = (await node.ask('/health')).json as { version: string };
    expect(node.stdout).toMatch(new RegExp(`^Skein ${version.replaceAll('.', '\\.')} on .+\n`));
    expect(node.stdout).toContain(`\n  node  ${nodeId}\n  data  ${world.dataDir}\n  API   ${node.address}  `);
    const phases = [...node.stdout.matchAll(/^starter {6}([A-Z]+(?: UP)?)/gm)].map(([, phase]) => phase);
    expect(phases).toEqual(['PLACING', 'DOWNLOADING', 'LOADING', 'WARMING UP', 'READY']);
    expect(node.stdout).toMatch(/\nReady after \d+\.\d s\. Ask it something:\n/);
    expect(node.stderr).toBe('');

    const curl = /^ {2}curl [^]*?'\n/m.exec(node.stdout)?.[0] ?? '';
    expect(curl).toContain(`${node.address}/v1/chat/completions`);
    if (!hasCurl) context.skip('there is no curl on this machine to run the line with');
    const { stdout } = await promisify(execFile)('bash', ['-c', curl.replace('curl', 'curl -sS')], {
      timeout: 20_000,
    });
    const answer = JSON.parse(stdout) as ChatAnswer;
    expect(answer).toMatchObject({ object: 'chat.completion', model: MODEL });
    expect(answer.choices[0]?.message.content.length).toBeGreaterThan(3);
  });

  it('of a second start has its API up in under 3 s', async () => {
    const first = await world.start('--starter');
    await first.untilPhase('starter', 'READY');
    await first.stop();
    const second = world.spawn('--starter');
    const tookMs = await second.listening();
    await second.untilPhase('starter', 'READY');
    const ready = /Ready after (\d+\.\d) s/.exec(second.stdout)?.[1];
    console.log(`second start: API up after ${tookMs.toFixed(0)} ms, ready ${ready} s after that`);
    expect(tookMs).toBeLessThan(3_000);
  });
});
