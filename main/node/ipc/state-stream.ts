import type { StateItem } from '../../core/contract/ipc.ts';
import type { IndexedEvent } from '../../core/event.ts';
import type { NodeApi } from '../api.ts';

/** Events that wait for a page that lags; beyond, it gets the whole state in their place. */
const MOST_WAITING = 2_000;

/** The whole state, then each event on disk, without a gap. */
export async function* stateStream(
  api: Pick<NodeApi, 'state' | 'watch'>,
  signal: AbortSignal,
): AsyncGenerator<StateItem> {
  let waiting: IndexedEvent[] = [];
  let whole = true;
  let wake = (): void => undefined;
  const end = api.watch(
    (entry) => {
      if (whole) return;
      if (waiting.length < MOST_WAITING) waiting.push(entry);
      else startOver();
      wake();
    },
    () => {
      startOver();
      wake();
    },
  );
  const startOver = (): void => {
    whole = true;
    waiting = [];
  };
  const onAbort = (): void => wake();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    while (!signal.aborted) {
      if (whole) {
        whole = false;
        yield { type: 'Snapshot', state: api.state() };
        continue;
      }
      const entry = waiting.shift();
      if (entry !== undefined) {
        yield { type: 'Entry', entry: told(entry) };
        continue;
      }
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  } finally {
    end();
    signal.removeEventListener('abort', onAbort);
  }
}

/** Of an entry of the log, what pages are told: not who ordered it, nor the command with its card. */
export const told = ({ index, at, event, commandId }: IndexedEvent): IndexedEvent => ({
  index,
  at,
  event,
  ...(commandId !== undefined && { commandId }),
});
