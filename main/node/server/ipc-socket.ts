import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocket, WebSocketServer } from 'ws';
import { MAX_CLIENT_FRAME, MAX_SERVER_FRAME, type IpcConnection } from '../../core/contract/ipc-wire.ts';
import { SECOND } from '../../core/unit.ts';
import type { Clock } from '../clock.ts';
import type { IpcHandlers } from '../ipc/handlers.ts';
import { IpcSession } from '../ipc/session.ts';
import type { Log } from '../log.ts';
import { guard } from './guard.ts';
import { HttpError } from './http-error.ts';

export const IPC_PATH = '/ipc';

/** Pages that one node serves at once. */
const MOST_PAGES = 64;
/** A page that does not answer a ping for so long is gone. */
const PING_EVERY_MS = 15 * SECOND;
/** How long a page may take to answer a close. */
const CLOSE_MS = 1 * SECOND;

/**
 * Serves the contract to pages over WebSockets at `/ipc` of the REST server. The returned function ends them all, and
 * refuses those that still come.
 */
export function serveSockets(
  server: Server,
  { handlers, log, clock }: { readonly handlers: IpcHandlers; readonly log: Log; readonly clock: Clock },
): (reason: string) => void {
  const sessions = new Set<IpcSession>();
  let stopping: string | undefined;
  const sockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    // UTF-8 takes up to three bytes a UTF-16 unit.
    maxPayload: MAX_CLIENT_FRAME * 3,
  });
  server.on('upgrade', (incoming: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy());
    const refusal =
      stopping === undefined ? refusalOf(incoming, sessions.size) : new HttpError(503, stopping);
    if (refusal !== undefined) {
      refuse(socket, refusal);
      return;
    }
    sockets.handleUpgrade(incoming, socket, head, (accepted) => {
      const session = new IpcSession(
        { handlers, log },
        { connection: new SocketConnection(accepted, clock), onEnd: () => sessions.delete(session) },
      );
      sessions.add(session);
    });
  });
  return (reason) => {
    stopping = reason;
    for (const session of [...sessions]) session.close(reason);
  };
}

function refusalOf(incoming: IncomingMessage, pages: number): HttpError | undefined {
  try {
    guard(incoming);
    // Not parsed as a URL: `//` is a path that none can be made of.
    const path = (incoming.url ?? '').replace(/[?#].*$/s, '');
    if (path !== IPC_PATH)
      return new HttpError(404, `There is no WebSocket at ${path.slice(0, 100)}; use ${IPC_PATH}.`);
    if (pages >= MOST_PAGES) return new HttpError(503, `${MOST_PAGES} pages are open already; close some.`);
    return undefined;
  } catch (error) {
    if (error instanceof HttpError) return error;
    throw error;
  }
}

/** Whether a request asks for a WebSocket; who asks for anything else, such as HTTP/2, is answered as if he had not. */
export const asksForWebSocket = ({ headers }: Pick<IncomingMessage, 'headers'>): boolean =>
  headers.upgrade?.toLowerCase() === 'websocket';

/** Ends both halves: the HTTP server has let go of the socket, and a client may keep its own for ever. */
function refuse(socket: Duplex, { status, answer }: HttpError): void {
  const body = JSON.stringify(answer);
  socket.once('finish', () => socket.destroy());
  socket.end(
    `HTTP/1.1 ${status} ${answer.error.type}\r\ncontent-type: application/json; charset=utf-8\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}

/** RFC 6455, 7.4.1: the reason of a close is at most 123 bytes. */
const MOST_REASON_BYTES = 120;

/** A WebSocket as the contract's connection. */
class SocketConnection implements IpcConnection {
  onMessage: (text: string) => void = () => undefined;
  onClose: (reason: string) => void = () => undefined;
  readonly #socket: WebSocket;
  readonly #clock: Clock;
  #cancelPing: () => void = () => undefined;
  #cancelClose: () => void = () => undefined;
  #answered = true;

  constructor(socket: WebSocket, clock: Clock) {
    this.#socket = socket;
    this.#clock = clock;
    socket.on('message', (data, isBinary) => {
      if (isBinary) this.close('Only texts are understood here.');
      // One buffer per message: `binaryType` is Node's default.
      else this.onMessage((data as Buffer).toString('utf8'));
    });
    socket.on('pong', () => (this.#answered = true));
    socket.on('error', () => socket.terminate());
    socket.once('close', (_code, reason) => {
      this.#cancelPing();
      this.#cancelClose();
      this.onClose(reason.toString('utf8') || 'the page closed it');
    });
    this.#ping();
  }

  get waiting(): number {
    return this.#socket.bufferedAmount;
  }

  send(text: string): boolean {
    if (this.#socket.readyState !== WebSocket.OPEN) return false;
    if (this.#socket.bufferedAmount > MAX_SERVER_FRAME) return false;
    this.#socket.send(text);
    return true;
  }

  close(reason: string): void {
    if (this.#socket.readyState >= WebSocket.CLOSING) return;
    this.#socket.close(1008, Buffer.from(reason).subarray(0, MOST_REASON_BYTES).toString('utf8'));
    this.#cancelClose = this.#clock.after(CLOSE_MS, () => this.#socket.terminate());
  }

  #ping(): void {
    this.#cancelPing = this.#clock.after(PING_EVERY_MS, () => {
      if (!this.#answered) {
        this.#socket.terminate();
        return;
      }
      this.#answered = false;
      if (this.#socket.readyState === WebSocket.OPEN) this.#socket.ping();
      this.#ping();
    });
  }
}
