import { makeAutoObservable, runInAction } from 'mobx';
import { IPC_PROTOCOL, type IpcConnection } from '../../main/core/contract/ipc-wire.ts';
import type { Hello } from '../../main/core/contract/ipc.ts';
import { IpcClient, IpcRequestError } from '../lib/ipc-client.ts';

export interface ConnectionComponents {
  /** Opens the carrier, or rejects; gives up when `signal` is aborted. */
  readonly connect: (signal: AbortSignal) => Promise<IpcConnection>;
  /** Called once after at least `delayMs`; the returned function takes it back. */
  readonly after: (delayMs: number, call: () => void) => () => void;
  /** Epoch ms. */
  readonly now: () => number;
}

export type ConnectionStatus =
  | { readonly type: 'Connecting' }
  | { readonly type: 'Connected'; readonly hello: Hello }
  /** It is tried again by itself. */
  | { readonly type: 'Lost'; readonly since: number; readonly reason: string }
  /** The node is of another version: only loading the page anew helps. */
  | { readonly type: 'Outdated'; readonly version: string };

const CONNECT_MS = 5_000;
const RETRY_MS = [250, 500, 1_000, 2_000] as const;
/** After so long a connection counts as one that works: the next is tried for soon. */
const STEADY_MS = 3_000;

/** The page's way to its node: found again by itself, with everything that hangs on it. */
export class Connection {
  status: ConnectionStatus = { type: 'Connecting' };
  readonly #components: ConnectionComponents;
  readonly #followers = new Set<(client: IpcClient) => void>();
  #client: IpcClient | undefined;
  #tries = 0;
  #connectedAt = 0;
  #stopped = false;
  #cancelRetry: () => void = () => undefined;

  constructor(components: ConnectionComponents) {
    this.#components = components;
    makeAutoObservable(this, {}, { autoBind: true, deep: false });
  }

  get hello(): Hello | undefined {
    return this.status.type === 'Connected' ? this.status.hello : undefined;
  }

  /** @throws IpcRequestError where none is connected */
  get client(): IpcClient {
    if (this.#client !== undefined && !this.#client.closed) return this.#client;
    throw new IpcRequestError({
      code: 'Unavailable',
      message: 'This page is not connected to Skein now; it connects again by itself.',
      param: null,
    });
  }

  /** `call` is called with each new client, now too if there is one. */
  follow(call: (client: IpcClient) => void): void {
    this.#followers.add(call);
    if (this.#client !== undefined && !this.#client.closed) call(this.#client);
  }

  start(): void {
    void this.#connect();
  }

  /** May be called twice. */
  stop(): void {
    this.#stopped = true;
    this.#cancelRetry();
    this.#client?.close();
  }

  async #connect(): Promise<void> {
    const abort = new AbortController();
    const cancel = this.#components.after(CONNECT_MS, () => abort.abort());
    let client: IpcClient | undefined;
    try {
      const connection = await this.#components.connect(abort.signal);
      const made = new IpcClient(connection, { onClose: (reason) => this.#lost(made, reason) });
      client = made;
      this.#client = made;
      if (this.#stopped) {
        made.close();
        return;
      }
      abort.signal.addEventListener('abort', () => made.close('it does not answer'), { once: true });
      const hello = await made.hello();
      if (hello.protocol !== IPC_PROTOCOL) {
        runInAction(() => (this.status = { type: 'Outdated', version: hello.version }));
        return;
      }
      this.#connectedAt = this.#components.now();
      runInAction(() => (this.status = { type: 'Connected', hello }));
      for (const follower of this.#followers) follower(made);
    } catch (error) {
      this.#lost(client, error instanceof Error ? error.message : String(error));
      // One that can't be understood may not stay open beside the next.
      client?.close();
    } finally {
      cancel();
    }
  }

  /** The first word of a client that is in use counts; what is heard of it later does not. */
  #lost(client: IpcClient | undefined, reason: string): void {
    if (this.#stopped || client !== this.#client) return;
    this.#client = undefined;
    runInAction(() => {
      if (this.status.type === 'Outdated') return;
      if (this.status.type === 'Connected' && this.#components.now() - this.#connectedAt >= STEADY_MS)
        this.#tries = 0;
      const since = this.status.type === 'Lost' ? this.status.since : this.#components.now();
      this.status = { type: 'Lost', since, reason };
    });
    const delay = RETRY_MS[Math.min(this.#tries, RETRY_MS.length - 1)] ?? 2_000;
    this.#tries += 1;
    this.#cancelRetry();
    this.#cancelRetry = this.#components.after(delay, () => void this.#connect());
  }
}
