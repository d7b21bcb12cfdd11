import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createTiny, eventually, serveFakeNode, type Bench } from '../support/rest-client.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

let bench: Bench;
const children: ChildProcess[] = [];

beforeAll(async () => {
  bench = await serveFakeNode();
  await bench.ask('/meta_instance', { body: createTiny });
});

afterAll(() => bench.server.stop());

beforeEach(() => {
  bench.node.tasks.length = 0;
});

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

interface Running {
  readonly child: ChildProcess;
  readonly out: () => string;
  readonly ended: Promise<{ code: number | null; signal: string | null; out: string; err: string }>;
}

function start(command: string, args: readonly string[]): Running {
  const child = spawn(command, args, {
    cwd: root,
    env: { ...process.env, SKEIN_PORT: String(bench.port), TERM: 'xterm' },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  children.push(child);
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk) => {
    out += String(chunk);
  });
  child.stderr.on('data', (chunk) => {
    err += String(chunk);
  });
  const ended = new Promise<Awaited<Running['ended']>>((resolve) => {
    child.on('close', (code, signal) => resolve({ code, signal, out, err }));
  });
  return { child, out: () => out, ended };
}

const skein = (...args: string[]): Running => start(process.execPath, ['main/headless.ts', ...args]);

describe('the program itself', () => {
  test.each([
    [['--version'], 0, /^\d+\.\d+\.\d+\n$/],
    [['--help'], 0, /Usage: skein COMMAND/],
    [['serve', '--help'], 0, /--data-dir/],
    [['ls'], 0, /tiny-chat-1m {2}Tiny-Chat-1M {2}READY/],
    [['rm', 'nobody'], 4, /^$/],
    [['frobnicate'], 2, /^$/],
    [['ls', '--port', '1'], 3, /^$/],
  ])('skein %j exits with %i', async (args, code, out) => {
    const ended = await skein(...args).ended;
    expect(ended).toMatchObject({ code, signal: null });
    expect(ended.out).toMatch(out);
    if (code !== 0) expect(ended.err).toMatch(/^skein: .+\n$/);
  });

  test('serve with an option that is none tells where the options are', async () => {
    expect(await skein('serve', '--wat').ended).toMatchObject({
      code: 2,
      out: '',
      err: "skein serve: Unknown option '--wat'\n`skein serve --help` lists the options.\n",
    });
  });

  test('a prompt from a pipe is answered to a pipe, without colours', async () => {
    bench.node.onTask = (task) => {
      task.say('to a pipe');
      task.end();
    };
    const { child, ended } = skein('chat');
    child.stdin!.end('from a pipe');
    expect(await ended).toMatchObject({ code: 0, out: 'to a pipe\n', err: '' });
    expect(bench.node.tasks[0]!.generation.messages[0]!.content).toBe('from a pipe');
  });

  test('SIGINT during an answer: the task is cancelled, the exit code is 130', async () => {
    bench.node.onTask = (task) => task.say('once upon');
    const { child, out, ended } = skein('chat', 'a story');
    await eventually(() => out().includes('once upon'), 10_000);
    child.kill('SIGINT');
    expect(await ended).toMatchObject({ code: 130, out: 'once upon\n' });
    await bench.node.tasks[0]!.cancelled;
  });

  test('a killed client cancels its task too', async () => {
    bench.node.onTask = (task) => task.say('once upon');
    const { child, out, ended } = skein('chat', 'a story');
    await eventually(() => out().includes('once upon'), 10_000);
    child.kill('SIGKILL');
    await ended;
    await bench.node.tasks[0]!.cancelled;
  });

  test('a reader that closes early is no crash', async () => {
    bench.node.onTask = (task) => {
      for (let word = 0; word < 20_000; word += 1) task.say(`word ${word} `);
      task.end();
    };
    const { err, out } = await start('sh', [
      '-c',
      `"$0" main/headless.ts chat hi | head -c 5`,
      process.execPath,
    ]).ended;
    expect(out).toBe('word ');
    expect(err).toBe('');
  });
});

/** Runs a program on a terminal of its own: what it writes comes out, what is written to stdin is typed. */
const onTerminal =
  'import pty, sys, os; status = pty.spawn(sys.argv[1:]); sys.exit(os.waitstatus_to_exitcode(status))';

describe('on a real terminal', () => {
  test('a conversation with a cancelled answer, then the end', async () => {
    bench.node.onTask = (task) => {
      if (bench.node.tasks.length === 1) {
        task.say('endless');
        return;
      }
      task.say('short');
      task.end();
    };
    const { child, out, ended } = start('python3', [
      '-c',
      onTerminal,
      process.execPath,
      'main/headless.ts',
      'chat',
    ]);
    await eventually(() => out().includes('> '), 10_000);
    child.stdin!.write('first\r');
    await eventually(() => out().includes('endless'));
    child.stdin!.write('\u0003');
    await bench.node.tasks[0]!.cancelled;
    await eventually(() => out().includes('(cancelled)'));
    child.stdin!.write('second\r');
    await eventually(() => out().includes('short'));
    await eventually(() => /\(1 tokens.*> /s.test(out()));
    child.stdin!.write('\u0004');
    expect((await ended).code).toBe(0);
    expect(bench.node.tasks[1]!.generation.messages.map(({ content }) => content)).toEqual([
      'first',
      'endless',
      'second',
    ]);
  });
});
