import { afterAll, beforeAll, expect, test } from 'vitest';
import { routes } from '../../../main/node/server/app.ts';
import { serveFakeNode, type Bench } from '../../support/rest-client.ts';

let bench: Bench;
let document: {
  openapi: string;
  paths: Record<string, Record<string, { responses: Record<string, { content: Record<string, unknown> }> }>>;
  components: { schemas: Record<string, { required?: string[]; properties?: Record<string, unknown> }> };
};

beforeAll(async () => {
  bench = await serveFakeNode();
  document = (await bench.ask('/openapi.json')).json as typeof document;
});

afterAll(() => bench.server.stop());

test('OpenAPI 3.1 names every route, its answer and its errors', () => {
  expect(document.openapi).toBe('3.1.0');
  const listed = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method} ${path}`),
  );
  expect(listed.sort()).toEqual(
    routes.map(({ method, path }) => `${method} ${path.replace(/:(\w+)(\{[^}]*\})?/, '{$1}')}`).sort(),
  );
  for (const methods of Object.values(document.paths)) {
    for (const { responses } of Object.values(methods)) {
      expect(Object.keys(responses)).toEqual(['200', 'default']);
      expect(responses['default']!.content).toEqual({
        'application/json': { schema: { $ref: '#/components/schemas/ErrorAnswer' } },
      });
    }
  }
});

test('its schemas are those the routes check with', () => {
  expect(document.components.schemas['CreateMetaInstanceBody']).toMatchObject({
    required: ['model_id'],
    additionalProperties: false,
    properties: { sharding: { enum: ['Pipeline', 'Tensor'], default: 'Pipeline' } },
  });
  expect(document.components.schemas['ChatBody']!.required).toEqual(['model', 'messages']);
  expect(document.paths['/v1/chat/completions']!['post']!.responses['200']!.content).toEqual({
    'application/json': { schema: { $ref: '#/components/schemas/ChatAnswer' } },
    'text/event-stream': { schema: { $ref: '#/components/schemas/ChatChunk' } },
  });
});

test('every reference leads somewhere', () => {
  const references = [...JSON.stringify(document).matchAll(/"#\/components\/schemas\/(\w+)"/g)].map(
    ([, name]) => name!,
  );
  expect(references.length).toBeGreaterThan(10);
  for (const name of references) expect(document.components.schemas).toHaveProperty(name);
});
