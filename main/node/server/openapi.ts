import { OpenAPIHono } from '@hono/zod-openapi';
import { z } from 'zod';
import { ErrorAnswer } from '../../core/contract/rest.ts';
import type { AnswerDoc, Route } from './route.ts';

/** OpenAPI 3.1 from the schemas the routes check with. Slow to build, so it is loaded when first asked for. */
export function openApiDocument(routes: readonly Route[], version: string): object {
  const app = new OpenAPIHono();
  for (const { method, path, summary, params = {}, body, query, answers } of routes) {
    const shape = Object.fromEntries(
      Object.entries(params).map(([name, description]) => [name, z.string().meta({ description })]),
    );
    app.openAPIRegistry.registerPath({
      method,
      path: path.replace(/:(\w+)(\{[^}]*\})?/g, '{$1}'),
      summary,
      request: {
        params: z.object(shape),
        ...(query === undefined ? {} : { query }),
        ...(body === undefined
          ? {}
          : { body: { required: true, content: { 'application/json': { schema: body } } } }),
      },
      responses: {
        ...Object.fromEntries(Object.entries(answers).map(([status, doc]) => [status, responseOf(doc)])),
        default: responseOf({ description: 'What was wrong and what helps.', schema: ErrorAnswer }),
      },
    });
  }
  return app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: { title: 'Skein', version, description: 'One node of a Skein cluster.' },
  });
}

function responseOf({ description, schema, stream }: AnswerDoc): {
  description: string;
  content: Record<string, { schema: z.ZodType }>;
} {
  return {
    description,
    content: {
      ...(schema === undefined ? {} : { 'application/json': { schema } }),
      ...(stream === undefined ? {} : { 'text/event-stream': { schema: stream } }),
    },
  };
}
