import type { IpcClient } from '../../lib/ipc-client.ts';
import type { ChatPort } from './port.ts';

/** The chat's connection: whichever client is connected now. `client` rejects or throws where none is. */
export function clientPort(client: () => IpcClient): ChatPort {
  return {
    call: async (name, params) => client().call(name, params),
    open: (name, params, on) => {
      const abort = new AbortController();
      const read = async (): Promise<void> => {
        for await (const item of client().open(name, params, { signal: abort.signal })) {
          if (abort.signal.aborted) return;
          on.item(item);
        }
      };
      read().then(
        () => {
          if (!abort.signal.aborted) on.end(null);
        },
        (error: unknown) => {
          if (!abort.signal.aborted) on.end(error instanceof Error ? error.message : String(error));
        },
      );
      return { close: () => abort.abort() };
    },
  };
}
