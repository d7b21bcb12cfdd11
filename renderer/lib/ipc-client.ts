import {
  IPC_PROTOCOL,
  MAX_CLIENT_FRAME,
  MAX_CREDIT,
  ServerFrame,
  type ClientFrame,
  type IpcConnection,
  type IpcFailure,
} from '../../main/core/contract/ipc-wire.ts';
import {
  methods,
  streams,
  type Hello,
  type MethodName,
  type MethodParams,
  type MethodResult,
  type StreamItem,
  type StreamName,
  type StreamParams,
} from '../../main/core/contract/ipc.ts';

/** What the node answered instead of a value; `Unavailable` also when the connection broke before an answer. */
export class IpcRequestError extends Error {
  override readonly name = 'IpcRequestError';
  readonly code: IpcFailure['code'];
  readonly param: string | null;

  constructor({ code, message, param }: IpcFailure) {
    super(message);
    this.code = code;
    this.param = param;
  }
}

/** Items that may be under way; given again when half of them were taken. */
const CREDIT = 256;

interface Pending {
  readonly onValue: (value: unknown) => void;
  readonly onItem: (item: unknown) => void;
  readonly onEnd: () => void;
  readonly onError: (failure: IpcFailure) => void;
}

/** The page's end of one connection. When that is closed everything open ends with `Unavailable`; a new client begins anew. */
export class IpcClient {
  readonly #connection: IpcConnection;
  readonly #onClose: (reason: string) => void;
  readonly #pending = new Map<number, Pending>();
  #next = 1;
  #closed: string | null = null;

  /** @param init.onClose called once: at once where this end closes, for the other may never confirm it */
  constructor(connection: IpcConnection, init: { readonly onClose?: (reason: string) => void } = {}) {
    this.#connection = connection;
    this.#onClose = init.onClose ?? (() => undefined);
    connection.onMessage = (text) => this.#onMessage(text);
    connection.onClose = (reason) => this.#end(reason);
  }

  get closed(): boolean {
    return this.#closed !== null;
  }

  /** The node, or an error that says that this page is of another version. */
  hello(): Promise<Hello> {
    return this.call('hello', { protocol: IPC_PROTOCOL });
  }

  /** @throws IpcRequestError */
  call<Name extends MethodName>(
    method: Name,
    params: MethodParams<Name>,
    init: { readonly signal?: AbortSignal } = {},
  ): Promise<MethodResult<Name>> {
    const { promise, resolve, reject } = Promise.withResolvers<MethodResult<Name>>();
    const { signal } = init;
    const id = this.#begin({
      onValue: (value) => {
        const parsed = methods[method].result.safeParse(value);
        if (parsed.success) resolve(parsed.data as MethodResult<Name>);
        else reject(new IpcRequestError(misread(method)));
      },
      onItem: () => undefined,
      onEnd: () => undefined,
      onError: (failure) => reject(new IpcRequestError(failure)),
    });
    this.#send(id, { type: 'Call', id, method, params });
    if (signal === undefined) return promise;
    const cancel = (): void => this.#send(id, { type: 'Cancel', id });
    signal.addEventListener('abort', cancel, { once: true });
    if (signal.aborted) cancel();
    return promise.finally(() => signal.removeEventListener('abort', cancel));
  }

  /** Leaving the loop early, or aborting, tells the node; the loop then ends. @throws IpcRequestError */
  async *open<Name extends StreamName>(
    stream: Name,
    params: StreamParams<Name>,
    init: { readonly signal?: AbortSignal } = {},
  ): AsyncGenerator<StreamItem<Name>, void, undefined> {
    const items: unknown[] = [];
    let over: IpcFailure | 'End' | undefined;
    let wake = (): void => undefined;
    const id = this.#begin({
      onValue: () => undefined,
      onItem: (item) => {
        items.push(item);
        wake();
      },
      onEnd: () => {
        over = 'End';
        wake();
      },
      onError: (failure) => {
        over = failure;
        wake();
      },
    });
    const cancel = (): void => this.#send(id, { type: 'Cancel', id });
    this.#send(id, { type: 'Open', id, stream, params, credit: CREDIT });
    init.signal?.addEventListener('abort', cancel, { once: true });
    if (init.signal?.aborted === true) cancel();
    let taken = 0;
    try {
      for (;;) {
        if (items.length > 0) {
          const parsed = streams[stream].item.safeParse(items.shift());
          if (!parsed.success) throw new IpcRequestError(misread(stream));
          taken += 1;
          if (taken >= CREDIT / 2) {
            this.#send(id, { type: 'Credit', id, items: Math.min(taken, MAX_CREDIT) });
            taken = 0;
          }
          yield parsed.data as StreamItem<Name>;
          continue;
        }
        if (over === 'End') return;
        if (over !== undefined) throw new IpcRequestError(over);
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    } finally {
      init.signal?.removeEventListener('abort', cancel);
      if (over === undefined) cancel();
    }
  }

  /** May be called twice. */
  close(reason = 'the page is done'): void {
    if (this.#closed !== null) return;
    this.#end(reason);
    this.#connection.close(reason);
  }

  #begin(pending: Pending): number {
    const id = this.#next;
    this.#next += 1;
    this.#pending.set(id, pending);
    return id;
  }

  #send(id: number, frame: ClientFrame): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    const text = JSON.stringify(frame);
    const fits = text.length <= MAX_CLIENT_FRAME;
    if (fits && this.#closed === null && this.#connection.send(text)) return;
    this.#pending.delete(id);
    // The node would close the connection for it, with all that hangs on it.
    pending.onError(fits ? gone(this.#closed ?? 'it does not take what is sent') : tooLong);
  }

  #onMessage(text: string): void {
    const frame = parsed(text);
    if (frame === undefined) {
      this.close('it said something that this page can not read');
      return;
    }
    const pending = this.#pending.get(frame.id);
    if (pending === undefined) return;
    if (frame.type !== 'Item') this.#pending.delete(frame.id);
    switch (frame.type) {
      case 'Value':
        pending.onValue(frame.value);
        return;
      case 'Item':
        pending.onItem(frame.item);
        return;
      case 'End':
        pending.onEnd();
        return;
      case 'Error':
        pending.onError(frame.error);
    }
  }

  #end(reason: string): void {
    if (this.#closed !== null) return;
    this.#closed = reason;
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    for (const { onError } of pending) onError(gone(reason));
    this.#onClose(reason);
  }
}

function parsed(text: string): ServerFrame | undefined {
  try {
    return ServerFrame.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

const gone = (reason: string): IpcFailure => ({
  code: 'Unavailable',
  message: `The connection to Skein is closed: ${reason}.`,
  param: null,
});

const tooLong: IpcFailure = {
  code: 'TooMany',
  message: 'This is too long to be sent at once. Leave a file out, or say less.',
  param: null,
};

const misread = (what: string): IpcFailure => ({
  code: 'Internal',
  message: `The answer to ${what} can't be read; this page may be of another version. Reload it.`,
  param: null,
});
