import type { HttpBindings } from '@hono/node-server';
import type { Context } from 'hono';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { z } from 'zod';
import type { NodeApi } from '../api.ts';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import { readJson } from './body.ts';
import { invalid } from './http-error.ts';
import type { ServerLimits } from './limits.ts';

/** What every route may use. */
export interface ServerComponents {
  readonly api: NodeApi;
  readonly log: Log;
  readonly clock: Clock;
  /** In [0, 1). For seeds that a client left to us. */
  readonly random: () => number;
  readonly limits: ServerLimits;
  /** Registers what must end when the server stops; the returned function takes it back. */
  readonly onStop: (end: () => void) => () => void;
}

/** One request with its parsed parts. */
export interface Exchange<Body, Query> {
  readonly body: Body;
  readonly query: Query;
  readonly incoming: IncomingMessage;
  /** Only for routes that write the answer themselves and return `answered`. */
  readonly outgoing: ServerResponse;
  /** A part of the path, decoded. */
  readonly param: (name: string) => string;
}

/** The handler wrote the answer to `outgoing` itself. */
export const answered = Symbol('answered');

export interface JsonAnswer {
  readonly status: number;
  readonly json: unknown;
}

export type Answer = JsonAnswer | typeof answered;

export const okAnswer = (json: unknown): JsonAnswer => ({ status: 200, json });

export interface AnswerDoc {
  readonly description: string;
  /** Absent = no JSON body. */
  readonly schema?: z.ZodType;
  /** Besides `application/json`: what a stream's lines hold. */
  readonly stream?: z.ZodType;
}

/** A path, its schemas for checking and for `/openapi.json`, and what it does. */
export interface Route {
  readonly method: 'get' | 'post' | 'patch' | 'delete';
  /** Hono's pattern, e.g. `/meta_instance/:id`. */
  readonly path: string;
  readonly summary: string;
  readonly params?: Readonly<Record<string, string>>;
  readonly body?: z.ZodType;
  readonly query?: z.ZodObject;
  /** Query fields that may be given often; their schema is an array. */
  readonly repeated?: readonly string[];
  readonly answers: Readonly<Record<number, AnswerDoc>>;
  readonly run: (
    context: Context<{ Bindings: HttpBindings }>,
    components: ServerComponents,
  ) => Promise<Answer>;
}

type RouteInit<Body extends z.ZodType, Query extends z.ZodObject> = Omit<Route, 'run' | 'body' | 'query'> & {
  readonly body?: Body;
  readonly query?: Query;
  readonly handle: (
    exchange: Exchange<z.output<Body>, z.output<Query>>,
    components: ServerComponents,
  ) => Promise<Answer> | Answer;
};

/** Builds a route whose body and query are checked against the schemas that document them. */
export function route<Body extends z.ZodType = z.ZodUndefined, Query extends z.ZodObject = z.ZodObject>(
  init: RouteInit<Body, Query>,
): Route {
  const { handle, body, query, ...rest } = init;
  return {
    ...rest,
    ...(body === undefined ? {} : { body }),
    ...(query === undefined ? {} : { query }),
    run: async (context, components) => {
      const { incoming, outgoing } = context.env;
      const parsedQuery =
        query === undefined ? {} : parse(query, queryOf(context, init.repeated), 'The query');
      const parsedBody =
        body === undefined
          ? undefined
          : parse(body, await readJson(incoming, components.clock, components.limits), 'The body');
      return handle(
        {
          body: parsedBody as z.output<Body>,
          query: parsedQuery as z.output<Query>,
          incoming,
          outgoing,
          param: (name) => context.req.param(name) ?? '',
        },
        components,
      );
    },
  };
}

function queryOf({ req }: Context, repeated: readonly string[] = []): unknown {
  const often = repeated.flatMap((name) => {
    const values = req.queries(name);
    return values === undefined ? [] : [[name, values] as const];
  });
  return { ...req.query(), ...Object.fromEntries(often) };
}

function parse(schema: z.ZodType, value: unknown, what: string): unknown {
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw invalid(parsed.error, what);
  return parsed.data;
}
