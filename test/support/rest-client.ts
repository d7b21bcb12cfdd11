import { request as httpRequest, type IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { expect } from 'vitest';
import { ErrorAnswer } from '../../main/core/contract/rest.ts';
import type { MetaInstanceId } from '../../main/core/id.ts';
import { systemClock, type Clock } from '../../main/node/clock.ts';
import type { Log } from '../../main/node/log.ts';
import type { ServerLimits } from '../../main/node/server/limits.ts';
import { createServer, type RestServer, type RestServerComponents } from '../../main/node/server/server.ts';
import { FakeNode, tinyCard } from './fake-node.ts';

export interface Asked {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** A string is sent as it is, anything else as JSON. */
  readonly body?: unknown;
}

export interface Answered {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
  /** Undefined where the text is no JSON. */
  readonly json: unknown;
}

/** A served fake node. `logged` collects its error and warning lines. */
export interface Bench {
  readonly node: FakeNode;
  readonly server: RestServer;
  readonly port: number;
  readonly logged: string[];
  ask(path: string, asked?: Asked): Promise<Answered>;
  /** A bare connection, for what no decent client sends. */
  dial(): Promise<Socket>;
}

export async function serveFakeNode(
  init: {
    readonly limits?: Partial<ServerLimits>;
    readonly clock?: Clock;
    readonly port?: number;
    readonly pages?: RestServerComponents['pages'];
  } = {},
): Promise<Bench> {
  const node = new FakeNode();
  const logged: string[] = [];
  const note = (message: string, about: unknown = {}): void => {
    const text = about instanceof Object && 'error' in about ? String(about.error) : JSON.stringify(about);
    logged.push(`${message} ${text}`);
  };
  const log: Log = { debug: () => {}, info: () => {}, warn: note, error: note };
  const server = createServer(
    {
      api: node,
      log,
      clock: init.clock ?? systemClock,
      random: () => 0.5,
      ...(init.pages === undefined ? {} : { pages: init.pages }),
    },
    { port: init.port ?? 0, ...(init.limits === undefined ? {} : { limits: init.limits }) },
  );
  await server.start();
  const port = Number(new URL(server.address!).port);
  return {
    node,
    server,
    port,
    logged,
    ask: (path, asked) => ask(port, path, asked),
    dial: () => dial(port),
  };
}

export function ask(
  port: number,
  path: string,
  { method, headers = {}, body }: Asked = {},
): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
    const request = httpRequest({
      host: '127.0.0.1',
      port,
      path,
      method: method ?? (text === undefined ? 'GET' : 'POST'),
      agent: false,
      headers: {
        ...(text === undefined
          ? {}
          : {
              'content-type': 'application/json',
              ...('transfer-encoding' in headers ? {} : { 'content-length': Buffer.byteLength(text) }),
            }),
        ...headers,
      },
    });
    request.on('error', reject).on('response', (response) => {
      const chunks: Buffer[] = [];
      response
        .on('data', (chunk: Buffer) => chunks.push(chunk))
        .on('error', reject)
        .on('end', () => {
          const answer = Buffer.concat(chunks).toString();
          resolve({
            status: response.statusCode!,
            headers: response.headers,
            text: answer,
            json: parsed(answer),
          });
        });
    });
    request.end(text);
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function dial(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port }, () => resolve(socket));
    socket.once('error', reject);
  });
}

/** The bytes of a request as a client would write them. */
export function rawPost(path: string, body: unknown): string {
  const text = JSON.stringify(body);
  return (
    `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n` +
    `Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`
  );
}

export const tinyId = 'tiny-chat-1m' as MetaInstanceId;

export const createTiny = { model_id: tinyCard.modelId } as const;

export const hello = { model: tinyCard.modelId, messages: [{ role: 'user', content: 'hello' }] } as const;

/** The parsed `data:` lines of a stream, `[DONE]` included, and its comments. */
export function sseLines(text: string): { readonly data: unknown[]; readonly comments: string[] } {
  const lines = text.split('\n');
  const data = lines
    .filter((line) => line.startsWith('data: '))
    .map((line) => (line === 'data: [DONE]' ? '[DONE]' : (JSON.parse(line.slice(6)) as unknown)));
  return { data, comments: lines.filter((line) => line.startsWith(': ')).map((line) => line.slice(2)) };
}

/** Polls until it holds; rejects after `withinMs`. */
export async function eventually(holds: () => boolean, withinMs = 5_000): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!holds()) {
    if (performance.now() > deadline)
      throw new Error(`still not so after ${withinMs} ms: ${holds.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** How a request is to be refused. */
export interface Refusal {
  readonly status: number;
  readonly param: string | null;
  /** Part of the message. */
  readonly says: string;
}

export function refuses({ status, headers, json }: Answered, refusal: Refusal): void {
  const { error } = ErrorAnswer.parse(json);
  expect({ status, code: error.code, param: error.param }).toEqual({
    status: refusal.status,
    code: refusal.status,
    param: refusal.param,
  });
  expect(error.message).toContain(refusal.says);
  expect(headers['content-type']).toContain('application/json');
}
