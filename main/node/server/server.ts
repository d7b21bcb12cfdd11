import { getRequestListener } from '@hono/node-server';
import {
  createServer as createHttpServer,
  STATUS_CODES,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { SECOND } from '../../core/unit.ts';
import type { NodeApi } from '../api.ts';
import type { Clock } from '../clock.ts';
import type { Startable } from '../lifecycle.ts';
import type { Log } from '../log.ts';
import { createApp } from './app.ts';
import type { IpcHandlers } from '../ipc/handlers.ts';
import type { Dashboard } from './dashboard.ts';
import { guard } from './guard.ts';
import { errorAnswer, HttpError } from './http-error.ts';
import { asksForWebSocket, serveSockets } from './ipc-socket.ts';
import { defaultLimits, type ServerLimits } from './limits.ts';
import { explainListenError } from './listen-error.ts';

const HOSTNAME = '127.0.0.1';

export interface RestServer extends Startable {
  /** `http://127.0.0.1:PORT` once started; null before and after. */
  readonly address: string | null;
}

export interface RestServerComponents {
  readonly api: NodeApi;
  readonly log: Log;
  readonly clock: Clock;
  /** In [0, 1). For seeds that a client left to us; tests pass their own. */
  readonly random?: () => number;
  /** Pages and what they may ask; absent = only the API is served. */
  readonly pages?: { readonly dashboard: Dashboard; readonly handlers: IpcHandlers };
}

export interface RestServerInit {
  /** 0 = any free one. */
  readonly port: number;
  readonly limits?: Partial<ServerLimits>;
}

/**
 * The REST surface on the loopback interface. `start` rejects with a message for people when the port can't be had.
 * `stop` refuses new requests, ends live streams with an error, and gives what is under way `stopMs` to finish.
 */
export function createServer(components: RestServerComponents, init: RestServerInit): RestServer {
  const limits: ServerLimits = { ...defaultLimits, ...init.limits };
  const { clock, log, pages } = components;
  const enders = new Set<() => void>();
  const app = createApp({
    random: Math.random,
    ...components,
    limits,
    onStop: (end) => {
      enders.add(end);
      return () => enders.delete(end);
    },
  });
  const handle = getRequestListener(app.fetch, { overrideGlobalObjects: false });
  const server = createHttpServer(
    {
      maxHeaderSize: limits.headerBytes,
      headersTimeout: limits.headersMs,
      requestTimeout: limits.headersMs + limits.bodyMs,
      connectionsCheckingInterval: Math.min(limits.headersMs, 5 * SECOND),
      keepAliveTimeout: 10 * SECOND,
      noDelay: true,
      shouldUpgradeCallback: (incoming) => pages !== undefined && asksForWebSocket(incoming),
    },
    (incoming, outgoing) => {
      prepare(outgoing);
      try {
        guard(incoming);
      } catch (error) {
        if (!(error instanceof HttpError)) throw error;
        refuse(incoming, outgoing, error);
        return;
      }
      outgoing.once('prefinish', () => dropUnlessRead(outgoing, clock, limits.stallMs));
      if (pages?.dashboard(incoming, outgoing) === true) return;
      void handle(incoming, outgoing);
    },
  );
  server.maxConnections = limits.connections;
  server.maxHeadersCount = 100;
  server.on('clientError', answerBrokenRequest);
  server.on('drop', () => log.warn('connection refused: too many at once', { limit: limits.connections }));

  if (pages !== undefined) {
    const endPages = serveSockets(server, { handlers: pages.handlers, log, clock });
    enders.add(() => endPages('The node is stopping.'));
  }

  let stopping: Promise<void> | null = null;
  return {
    get address() {
      return server.listening ? `http://${HOSTNAME}:${(server.address() as AddressInfo).port}` : null;
    },
    start: () => listen(server, init.port, clock),
    stop: () => (stopping ??= close(server, enders, clock, limits.stopMs)),
  };
}

/** Headers of every answer: nothing is cached, guessed at, or read by another origin. */
function prepare(outgoing: ServerResponse): void {
  outgoing.setHeader('cache-control', 'no-store');
  outgoing.setHeader('x-content-type-options', 'nosniff');
  outgoing.setHeader('cross-origin-resource-policy', 'same-origin');
}

function refuse(incoming: IncomingMessage, outgoing: ServerResponse, { status, answer }: HttpError): void {
  outgoing.writeHead(status, { 'content-type': 'application/json; charset=utf-8', connection: 'close' });
  outgoing.end(JSON.stringify(answer));
  incoming.resume();
}

/** A reader that never takes a finished answer may not keep the connection for ever. */
function dropUnlessRead(outgoing: ServerResponse, clock: Clock, stallMs: number): void {
  // A client that left before: its `close` has been.
  if (outgoing.writableFinished || outgoing.destroyed) return;
  const cancel = clock.after(stallMs, () => outgoing.destroy());
  outgoing.once('finish', cancel).once('close', cancel);
}

/** What is no HTTP, too long or too slow: one JSON error, then the connection ends. */
function answerBrokenRequest(error: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const [status, message] =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? [431, 'The request headers are too large.']
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? [408, 'The request did not arrive in time; send it again.']
        : [400, 'This is not a valid HTTP/1.1 request.'];
  const body = JSON.stringify(errorAnswer(status, message));
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\ncontent-type: application/json; charset=utf-8\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
  socket.destroySoon();
}

function listen(server: Server, port: number, clock: Clock): Promise<void> {
  return new Promise((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException): void => {
      server.off('listening', onListening);
      explainListenError(error, { hostname: HOSTNAME, port }, clock).then(
        (message) => reject(new Error(message, { cause: error })),
        reject,
      );
    };
    const onListening = (): void => {
      server.off('error', onError);
      resolve();
    };
    server.once('error', onError).once('listening', onListening);
    server.listen({ host: HOSTNAME, port });
  });
}

async function close(
  server: Server,
  enders: ReadonlySet<() => void>,
  clock: Clock,
  stopMs: number,
): Promise<void> {
  if (!server.listening) return;
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  for (const end of [...enders]) end();
  const cancel = clock.after(stopMs, () => server.closeAllConnections());
  await closed;
  cancel();
}
