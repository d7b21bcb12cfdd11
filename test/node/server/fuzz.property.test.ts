import fc from 'fast-check';
import { Agent, request } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ErrorAnswer } from '../../../main/core/contract/rest.ts';
import { createTiny, hello, serveFakeNode, tinyId, type Bench } from '../../support/rest-client.ts';

/** Bodies per route; each is one real request over one kept connection. */
const RUNS = 1_000;

let bench: Bench;
const agent = new Agent({ keepAlive: true, maxSockets: 1 });

beforeAll(async () => {
  bench = await serveFakeNode();
  bench.node.automatic = false;
  bench.node.onTask = (task) => {
    task.say('ok');
    task.end();
  };
  await bench.ask('/meta_instance', { body: createTiny });
  bench.node.makeReady(tinyId);
});

afterAll(async () => {
  agent.destroy();
  await bench.server.stop();
  expect(bench.logged).toEqual([]);
});

function post(path: string, bytes: Buffer): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        host: '127.0.0.1',
        port: bench.port,
        path,
        method: 'POST',
        agent,
        headers: { 'content-type': 'application/json', 'content-length': bytes.length },
      },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('error', reject).on('end', () => resolve({ status: response.statusCode!, text }));
      },
    );
    outgoing.on('error', reject).end(bytes);
  });
}

/** A good body with some fields replaced, so that the fuzz gets past the first check. */
const nearly = (good: object, fields: readonly string[]): fc.Arbitrary<unknown> =>
  fc
    .dictionary(fc.constantFrom(...fields, ...Object.keys(good)), fc.jsonValue({ maxDepth: 3 }), {
      maxKeys: 4,
    })
    .map((changes) => ({ ...good, ...changes }));

const odd = fc.oneof(
  fc.jsonValue({ maxDepth: 4 }).map((value) => JSON.stringify(value)),
  fc.string(),
  fc.integer({ min: 1, max: 20_000 }).map((depth) => '['.repeat(depth)),
  fc.integer({ min: 1, max: 5_000 }).map((depth) => '{"messages":'.repeat(depth) + '1' + '}'.repeat(depth)),
  fc.constantFrom('{"__proto__":{"x":1}}', '{"constructor":1}', '\u0000', '{}', 'null', '1e999', '"\\ud800"'),
);

const bodies = (good: object, fields: readonly string[]): fc.Arbitrary<Buffer> =>
  fc.oneof(
    { weight: 5, arbitrary: nearly(good, fields).map((value) => Buffer.from(JSON.stringify(value))) },
    { weight: 2, arbitrary: odd.map((text) => Buffer.from(text)) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)) },
  );

const chatFields = [
  'stream',
  'stream_options',
  'max_tokens',
  'temperature',
  'top_p',
  'top_k',
  'min_p',
  'stop',
  'seed',
  'presence_penalty',
  'repetition_penalty',
  'logprobs',
  'top_logprobs',
  'tools',
  'n',
  'response_format',
  'logit_bias',
  '__proto__',
];
const createFields = [
  'sharding',
  'instance_meta',
  'min_nodes',
  'max_nodes',
  'placement',
  'node_ids',
  'meta_instance_id',
  'context_length',
  'x',
];

describe(`${RUNS} random bodies: an answer or a 4xx that says why, never a 500, and the server lives`, () => {
  test.each([
    { path: '/v1/chat/completions', arbitrary: bodies(hello, chatFields) },
    { path: '/meta_instance', arbitrary: bodies(createTiny, createFields) },
    { path: `/meta_instance/${tinyId}/retry`, arbitrary: bodies({}, ['a']) },
  ])('POST $path', { timeout: 60_000 }, async ({ path, arbitrary }) => {
    const seen = new Set<number>();
    await fc.assert(
      fc.asyncProperty(arbitrary, async (bytes) => {
        const { status, text } = await post(path, bytes);
        seen.add(status);
        if (status === 200) return;
        expect(status).toBeGreaterThanOrEqual(400);
        expect(status).toBeLessThan(500);
        expect(ErrorAnswer.parse(JSON.parse(text)).error.code).toBe(status);
      }),
      { numRuns: RUNS },
    );
    expect(seen.size).toBeGreaterThanOrEqual(path.endsWith('retry') ? 1 : 2);
    expect((await bench.ask('/health')).status).toBe(200);
  });
});
