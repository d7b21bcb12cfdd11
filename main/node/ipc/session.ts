import { methods, streams, type MethodName, type StreamName } from '../../core/contract/ipc.ts';
import {
  ClientFrame,
  MAX_CLIENT_FRAME,
  MAX_CREDIT,
  MAX_OPEN,
  type IpcConnection,
  type IpcFailure,
  type ServerFrame,
} from '../../core/contract/ipc-wire.ts';
import { unreachable } from '../../core/result.ts';
import type { Log } from '../log.ts';
import { invalid } from '../server/http-error.ts';
import { Gate } from './gate.ts';
import type { IpcHandlers } from './handlers.ts';
import { failureOf } from './ipc-error.ts';

interface Open {
  readonly abort: AbortController;
  /** Of a stream: lets as many items through as the page will take. */
  readonly gate: Gate | null;
}

/**
 * Serves one page over one connection until either ends it. What is not a frame of the contract ends the connection; a
 * call that is not valid, or fails, is answered as such and disturbs nothing else.
 */
export class IpcSession {
  readonly #connection: IpcConnection;
  readonly #handlers: IpcHandlers;
  readonly #log: Log;
  readonly #open = new Map<number, Open>();
  #closed = false;

  constructor(
    { handlers, log }: { readonly handlers: IpcHandlers; readonly log: Log },
    init: {
      readonly connection: IpcConnection;
      /** Called once. */
      readonly onEnd?: () => void;
    },
  ) {
    this.#connection = init.connection;
    this.#handlers = handlers;
    this.#log = log;
    init.connection.onMessage = (text) => this.#onMessage(text);
    init.connection.onClose = (reason) => {
      this.#end(reason);
      init.onEnd?.();
    };
  }

  /** May be called twice. */
  close(reason: string): void {
    this.#end(reason);
    this.#connection.close(reason);
  }

  #onMessage(text: string): void {
    if (this.#closed) return;
    if (text.length > MAX_CLIENT_FRAME) {
      this.close(`A frame is longer than ${MAX_CLIENT_FRAME} characters.`);
      return;
    }
    const frame = ClientFrame.safeParse(parsed(text));
    if (!frame.success) {
      this.close('This is no frame of the contract; the page may be of another version.');
      return;
    }
    this.#onFrame(frame.data);
  }

  #onFrame(frame: ClientFrame): void {
    switch (frame.type) {
      case 'Call':
        if (this.#begins(frame.id)) void this.#call(frame);
        return;
      case 'Open':
        if (this.#begins(frame.id)) void this.#stream(frame);
        return;
      case 'Credit':
        this.#open.get(frame.id)?.gate?.give(frame.items);
        return;
      case 'Cancel':
        this.#open.get(frame.id)?.abort.abort();
        return;
      default:
        return unreachable(frame);
    }
  }

  #begins(id: number): boolean {
    if (this.#open.has(id)) {
      this.close(`The number ${id} is in use.`);
      return false;
    }
    if (this.#open.size < MAX_OPEN) return true;
    const message = `More than ${MAX_OPEN} calls and streams are open; end some.`;
    this.#fail(id, { code: 'TooMany', message, param: null });
    return false;
  }

  async #call({ id, method, params }: Extract<ClientFrame, { type: 'Call' }>): Promise<void> {
    if (!isMethod(method)) {
      this.#fail(id, unknown(`method ${method}`));
      return;
    }
    const abort = new AbortController();
    this.#open.set(id, { abort, gate: null });
    try {
      const input = methods[method].params.safeParse(params);
      if (!input.success) throw invalid(input.error, 'The request');
      const handle = this.#handlers.methods[method] as (input: unknown) => unknown;
      const value = await handle(input.data);
      if (abort.signal.aborted) this.#fail(id, cancelled);
      else this.#send({ type: 'Value', id, value });
    } catch (error) {
      this.#fail(id, this.#failure(error, method));
    } finally {
      this.#open.delete(id);
    }
  }

  async #stream({ id, stream, params, credit }: Extract<ClientFrame, { type: 'Open' }>): Promise<void> {
    if (!isStream(stream)) {
      this.#fail(id, unknown(`stream ${stream}`));
      return;
    }
    const abort = new AbortController();
    const gate = new Gate(credit, MAX_CREDIT, abort.signal);
    this.#open.set(id, { abort, gate });
    try {
      const input = streams[stream].params.safeParse(params);
      if (!input.success) throw invalid(input.error, 'The request');
      const open = this.#handlers.streams[stream] as (
        input: unknown,
        signal: AbortSignal,
      ) => AsyncIterable<unknown>;
      const items = open(input.data, abort.signal)[Symbol.asyncIterator]();
      try {
        for (;;) {
          // Drawn only when it can be sent: what is told is as new as can be.
          if (!(await gate.pass())) break;
          const next = await items.next();
          if (next.done === true || abort.signal.aborted) break;
          this.#send({ type: 'Item', id, item: next.value });
        }
      } finally {
        await items.return?.();
      }
      this.#send({ type: 'End', id });
    } catch (error) {
      this.#fail(id, this.#failure(error, stream));
    } finally {
      this.#open.delete(id);
    }
  }

  #failure(error: unknown, what: string): IpcFailure {
    const failure = failureOf(error);
    if (failure !== undefined) return failure;
    this.#log.error('a request of a page failed inside', { what, error });
    const reason = error instanceof Error ? error.message : String(error);
    return {
      code: 'Internal',
      message: `Skein failed inside: ${reason}. The node's log has more.`,
      param: null,
    };
  }

  #fail(id: number, error: IpcFailure): void {
    this.#send({ type: 'Error', id, error });
  }

  #send(frame: ServerFrame): void {
    if (this.#closed) return;
    if (!this.#connection.send(JSON.stringify(frame)))
      this.close('The page does not take what is sent to it.');
  }

  #end(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#log.debug('a page is gone', { reason });
    for (const { abort } of this.#open.values()) abort.abort();
  }
}

const cancelled: IpcFailure = { code: 'Cancelled', message: 'It was taken back.', param: null };

const unknown = (what: string): IpcFailure => ({
  code: 'BadRequest',
  message: `This node knows no ${what.slice(0, 100)}; the page may be of a newer version.`,
  param: null,
});

const isMethod = (name: string): name is MethodName => Object.hasOwn(methods, name);
const isStream = (name: string): name is StreamName => Object.hasOwn(streams, name);

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
