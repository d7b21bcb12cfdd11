import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  createTiny,
  refuses,
  serveFakeNode,
  type Asked,
  type Bench,
  type Refusal,
} from '../../support/rest-client.ts';

let bench: Bench;

beforeAll(async () => {
  bench = await serveFakeNode({ limits: { bodyBytes: 64 * 1024 } });
  bench.node.onTask = (task) => task.end();
  await bench.ask('/meta_instance', { body: createTiny });
});

afterAll(async () => {
  await bench.server.stop();
  expect(bench.logged).toEqual([]);
});

interface Row extends Refusal {
  readonly name: string;
  readonly path?: string;
  readonly asked: Asked;
}

describe('MetaInstance: every refusal names its field', () => {
  const create = (fields: object): Asked => ({ body: { ...createTiny, ...fields } });
  const rows: readonly Row[] = [
    {
      name: 'a model that is no name',
      asked: create({ model_id: 'a b' }),
      status: 400,
      param: 'model_id',
      says: '"owner/name"',
    },
    {
      name: 'an unknown field',
      asked: create({ min_node: 2 }),
      status: 400,
      param: 'min_node',
      says: 'no such field',
    },
    {
      name: 'an unknown sharding',
      asked: create({ sharding: 'Data' }),
      status: 400,
      param: 'sharding',
      says: '"Pipeline"|"Tensor"',
    },
    {
      name: 'an unknown interconnect',
      asked: create({ instance_meta: 'Ethernet' }),
      status: 400,
      param: 'instance_meta',
      says: 'MlxRing',
    },
    {
      name: 'no model',
      asked: { body: {} },
      status: 400,
      param: 'model_id',
      says: 'model_id: is missing, expected string',
    },
    {
      name: 'no nodes at all',
      asked: create({ min_nodes: 0 }),
      status: 400,
      param: 'min_nodes',
      says: '>=1',
    },
    {
      name: 'a node id that is none',
      asked: create({ node_ids: ['x'] }),
      status: 400,
      param: 'node_ids[0]',
      says: 'too small',
    },
    {
      name: 'a name with capitals',
      asked: create({ meta_instance_id: 'Mine' }),
      status: 400,
      param: 'meta_instance_id',
      says: 'a-z',
    },
    {
      name: 'a context too short',
      asked: create({ context_length: 1 }),
      status: 400,
      param: 'context_length',
      says: '>=16',
    },
    {
      name: 'several faults, the first three',
      asked: create({ sharding: 1, min_nodes: 'a', node_ids: 2, x: 1 }),
      status: 400,
      param: 'sharding',
      says: '; and 1 more',
    },
  ];
  test.each(rows)('$name → $status', async ({ asked, ...refusal }) => {
    refuses(await bench.ask('/meta_instance', asked), refusal);
  });
});

describe('HTTP itself', () => {
  const rows: readonly Row[] = [
    {
      name: 'a form',
      asked: { body: 'model=x', headers: { 'content-type': 'application/x-www-form-urlencoded' } },
      status: 415,
      param: 'Content-Type',
      says: 'application/json',
    },
    {
      name: 'plain text',
      asked: { body: '{}', headers: { 'content-type': 'text/plain' } },
      status: 415,
      param: 'Content-Type',
      says: 'application/json',
    },
    {
      name: 'another charset',
      asked: { body: '{}', headers: { 'content-type': 'application/json; charset=latin1' } },
      status: 415,
      param: 'Content-Type',
      says: 'UTF-8',
    },
    {
      name: 'a compressed body',
      asked: { body: '{}', headers: { 'content-encoding': 'gzip' } },
      status: 415,
      param: 'Content-Encoding',
      says: 'Compressed',
    },
    {
      name: 'a body too large',
      asked: { body: `"${'x'.repeat(70_000)}"` },
      status: 413,
      param: null,
      says: '64.0 KiB',
    },
    {
      name: 'a body too large that does not say so',
      asked: {
        body: `"${'x'.repeat(70_000)}"`,
        headers: { 'transfer-encoding': 'chunked' },
      },
      status: 413,
      param: null,
      says: '64.0 KiB',
    },
    { name: 'a wrong method', asked: { method: 'PATCH' }, status: 405, param: null, says: 'use POST' },
    { name: 'a preflight', asked: { method: 'OPTIONS' }, status: 405, param: null, says: 'use POST' },
    { name: 'an unknown path', path: '/v2/chat', asked: {}, status: 404, param: null, says: '/openapi.json' },
    {
      name: 'a wrong query',
      path: '/events?after=-1',
      asked: {},
      status: 400,
      param: 'after',
      says: 'whole number',
    },
    {
      name: 'an unknown query',
      path: '/events?afterwards=1',
      asked: {},
      status: 400,
      param: 'afterwards',
      says: 'no such field',
    },
    {
      name: 'an endless path',
      path: `/state/${'x'.repeat(9_000)}`,
      asked: {},
      status: 414,
      param: null,
      says: 'longer',
    },
  ];
  test.each(rows)('$name → $status', async ({ path = '/v1/chat/completions', asked, ...refusal }) => {
    refuses(await bench.ask(path, asked), refusal);
  });

  test('bytes that are no UTF-8 → 400', async () => {
    const socket = await bench.dial();
    socket.write(
      'POST /meta_instance HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n',
    );
    socket.end(Buffer.from([0xc3, 0x28]));
    const answer = (await socket.toArray()).join('');
    expect(answer).toContain('400 Bad Request');
    expect(answer).toContain('UTF-8');
  });

  test('a wrong method says which are right', async () => {
    const answer = await bench.ask('/meta_instance/x', { method: 'PUT' });
    expect(answer.headers['allow']).toBe('GET, PATCH, DELETE');
  });
});
