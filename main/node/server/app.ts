import type { HttpBindings } from '@hono/node-server';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import { Hono, type Context } from 'hono';
import { NoMasterError } from '../replica/commands.ts';
import { ClientLeft } from './body.ts';
import { errorAnswer, HttpError } from './http-error.ts';
import { answered, type Answer, type Route, type ServerComponents } from './route.ts';
import { chatRoutes } from './route/chat.ts';
import { clusterRoutes } from './route/cluster.ts';
import { eventRoutes } from './route/event.ts';
import { instanceRoutes } from './route/instance.ts';
import { metaInstanceRoutes } from './route/meta-instance.ts';
import { modelRoutes } from './route/model.ts';
import { nodeRoutes } from './route/node.ts';
import { placementRoutes } from './route/placement.ts';
import { stateRoutes } from './route/state.ts';
import { taskRoutes } from './route/task.ts';

export const routes: readonly Route[] = [
  ...nodeRoutes,
  ...clusterRoutes,
  ...metaInstanceRoutes,
  ...placementRoutes,
  ...instanceRoutes,
  ...modelRoutes,
  ...chatRoutes,
  ...taskRoutes,
  ...stateRoutes,
  ...eventRoutes,
];

type App = Hono<{ Bindings: HttpBindings }>;

/** The routes behind one fetch function. Whatever a handler throws becomes an answer; nothing escapes. */
export function createApp(components: ServerComponents): App {
  const app: App = new Hono();
  for (const route of routes) {
    app.on(route.method.toUpperCase(), route.path, async (context) => {
      const answer = await answerOf(route, context, components);
      return answer === answered ? RESPONSE_ALREADY_SENT : jsonResponse(answer);
    });
  }
  app.get('/openapi.json', async () => {
    const { openApiDocument } = await import('./openapi.ts');
    return jsonResponse({ status: 200, json: openApiDocument(routes, components.api.version) });
  });
  for (const [path, methods] of methodsByPath()) {
    app.all(path, ({ req }) =>
      jsonResponse({
        status: 405,
        json: errorAnswer(405, `${req.method} is not supported here; use ${methods.join(' or ')}.`),
        headers: { allow: methods.join(', ') },
      }),
    );
  }
  app.notFound(({ req }) =>
    jsonResponse({
      status: 404,
      json: errorAnswer(404, `There is no path ${req.path}; /openapi.json lists what there is.`),
    }),
  );
  return app;
}

type Written = Exclude<Answer, typeof answered> & { readonly headers?: Readonly<Record<string, string>> };

async function answerOf(
  { method, path, run }: Route,
  context: Context<{ Bindings: HttpBindings }>,
  components: ServerComponents,
): Promise<Written | typeof answered> {
  const { log } = components;
  try {
    return await run(context, components);
  } catch (error) {
    if (error instanceof HttpError) {
      return { status: error.status, json: error.answer, headers: error.headers };
    }
    if (error instanceof NoMasterError) {
      return { status: 503, json: errorAnswer(503, error.message), headers: { 'retry-after': '1' } };
    }
    if (error instanceof ClientLeft) {
      log.debug('client left', { method, path, status: 499 });
      return { status: 400, json: errorAnswer(400, error.message) };
    }
    log.error('a request failed inside', { method, path, error });
    // Half an answer can't become an error any more: only a broken connection tells that it is not whole.
    if (context.env.outgoing.headersSent) {
      context.env.outgoing.destroy();
      return answered;
    }
    const reason = error instanceof Error ? error.message : String(error);
    return {
      status: 500,
      json: errorAnswer(500, `Skein failed inside: ${reason}. The node's log has more.`),
    };
  }
}

function jsonResponse({ status, json, headers = {} }: Written): Response {
  return new Response(JSON.stringify(json), {
    status,
    headers: { 'content-type': 'application/json; charset=utf-8', ...headers },
  });
}

function methodsByPath(): Map<string, string[]> {
  const byPath = new Map<string, string[]>([['/openapi.json', ['GET']]]);
  for (const { method, path } of routes) {
    byPath.set(path, [...(byPath.get(path) ?? []), method.toUpperCase()]);
  }
  return byPath;
}
