import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseInvocation } from '../../main/cli/arguments.ts';
import { fakeIo, skein, type Ran } from '../support/fake-io.ts';
import { otherId, otherStarted } from '../support/fake-membership.ts';
import { nodeId } from '../support/fake-node.ts';
import { serveFakeNode, type Bench } from '../support/rest-client.ts';

let bench: Bench;
const run = (...args: string[]): Promise<Ran> => skein(bench.port, args);

beforeEach(async () => {
  bench = await serveFakeNode();
});

afterEach(() => bench.server.stop());

const link = { from: nodeId, to: otherId, address: '192.168.1.7' };

describe('nodes', () => {
  test('tells who leads, who is away, memory, the best link and how far each is', async () => {
    bench.node.emit(otherStarted);
    bench.node.led = { master: nodeId, term: 4, applied: { [nodeId]: 9, [otherId]: 7 } };
    bench.node.observed = {
      ...bench.node.observed,
      links: [
        { ...link, kind: 'Wifi', latencyMs: 3.25 },
        { ...link, kind: 'Thunderbolt', latencyMs: 0.21 },
      ],
    };
    expect(await run('nodes')).toEqual({
      exit: 0,
      err: '',
      out: [
        'NAME  ROLE    VERSION     MEMORY FREE           LINK                   BEHIND',
        'desk  Away    0.0.0-fake  -                     Thunderbolt 0.2 ms +1  2 events',
        'fake  Master  0.0.0-fake  4.00 GiB of 8.00 GiB  this node              level',
        '',
      ].join('\n'),
    });
    expect(JSON.parse((await run('nodes', '--json')).out)).toMatchObject({ master: nodeId, term: 4 });
  });

  test('nobody leads → said', async () => {
    bench.node.led = { master: null, term: 4, applied: {} };
    expect((await run('nodes')).out).toContain('Nobody leads just now');
  });
});

describe('pair', () => {
  test('shows the code and how to use it, and waits until somebody joined', async () => {
    const ran = run('pair');
    await expect.poll(() => bench.node.membership.pairing).not.toBeNull();
    bench.node.membership.end('Joined', 'desk has joined.');
    expect(await ran).toEqual({
      exit: 0,
      err: '',
      out: [
        'Pairing code: AAAAA-BBBBB',
        '',
        'On the other computer, within 5 min:',
        '',
        '  skein join AAAAA-BBBBB',
        '',
        'If it does not find this node:',
        '',
        '  skein join AAAAA-BBBBB --peer 192.168.1.4:50123',
        '',
        'desk has joined.',
        '',
      ].join('\n'),
    });
  });

  test('a code that was of no use → exit 1 with the reason', async () => {
    const ran = run('pair');
    await expect.poll(() => bench.node.membership.pairing).not.toBeNull();
    bench.node.membership.end('Expired', 'Nobody used the code in time; show a new one.');
    expect(await ran).toMatchObject({
      exit: 1,
      err: 'skein: Nobody used the code in time; show a new one.\n',
    });
  });

  test('Ctrl-C takes the code back', async () => {
    const io = fakeIo();
    const ran = skein(bench.port, ['pair'], { io });
    await expect.poll(() => io.out()).toContain('AAAAA-BBBBB');
    io.interrupt();
    expect(await ran).toMatchObject({ exit: 130 });
    expect(bench.node.membership.pairing).toMatchObject({ state: 'Cancelled' });
  });

  test('--no-wait returns, and the code stays', async () => {
    expect(await run('pair', '--no-wait')).toMatchObject({ exit: 0 });
    expect(JSON.parse((await run('pair', '--no-wait', '--json')).out)).toMatchObject({ code: 'AAAAA-BBBBB' });
    expect(bench.node.membership.pairing).toMatchObject({ state: 'Waiting' });
  });
});

describe('join, leave, remove', () => {
  test('join with the code as shown', async () => {
    expect(await run('join', 'K7QM2-X9F4T', '--peer', '192.168.1.4:50123')).toEqual({
      exit: 0,
      out: 'This node has joined the cluster of desk.\n',
      err: '',
    });
    expect(bench.node.membership.tried).toEqual(['/ip4/192.168.1.4/tcp/50123']);
  });

  test('join by looking around says that it does', async () => {
    expect((await run('join', 'k7qm2x9f4t')).err).toBe('Looking for the node that shows this code…\n');
  });

  test.each([
    [['join', 'AAAAA-AAAAA', '--peer', '1.2.3.4:5'], 5, 'another code'],
    [['join', 'hello', '--peer', '1.2.3.4:5'], 2, 'ten letters and digits'],
    [['join', 'K7QM2-X9F4T', '--peer', 'nowhere'], 2, 'IP:PORT'],
    [['remove', 'tower'], 4, 'no node tower'],
    [['remove', 'fake'], 2, 'skein leave'],
  ])('%j → exit %i, in words', async (args, exit, says) => {
    expect(await run(...args)).toMatchObject({ exit, out: '', err: expect.stringContaining(says) });
  });

  test('leave', async () => {
    expect(await run('leave')).toMatchObject({ exit: 0, out: expect.stringContaining('has left') });
    expect(bench.node.membership.left).toBe(true);
  });

  test('remove by name', async () => {
    bench.node.emit(otherStarted);
    expect(await run('remove', 'desk')).toEqual({
      exit: 0,
      out: 'desk is removed, and the cluster has a new key.\n',
      err: '',
    });
    expect(bench.node.membership.removed).toEqual([otherId]);
  });
});

describe('doctor', () => {
  test('all is well → exit 0', async () => {
    expect(await run('doctor')).toEqual({
      exit: 0,
      out: 'All is well, as far as this node can tell.\n',
      err: '',
    });
  });

  test('findings → exit 1, each with where, what and what to do, within the width', async () => {
    bench.node.led = { master: null, term: 1, applied: {} };
    bench.node.membership.seen = { dataFolder: { path: '/data', mode: 0o777 } };
    const { exit, out } = await run('doctor');
    expect(exit).toBe(1);
    expect(out).toContain('Master  fake\n  No node leads');
    expect(out).toContain(
      'Permission  /data\n  The data folder has permissions 777: other users may write there.\n',
    );
    expect(out).toContain("`chmod 700 '/data'`");
    for (const line of out.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
    expect(JSON.parse((await run('doctor', '--json')).out)).toHaveLength(2);
  });
});

describe('arguments', () => {
  test.each([
    [['join'], 'CODE is missing'],
    [['remove'], 'NODE is missing'],
    [['pair', 'x'], 'Too many arguments'],
    [['leave', 'x'], 'Too many arguments'],
  ])('skein %j is wrong: %s', (argv, says) => {
    expect(() => parseInvocation(argv, {})).toThrow(says);
  });
});
