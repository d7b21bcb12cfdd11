/** An Electron main process that hosts real utility processes for a test, which asks over a socket. */
import { app } from 'electron';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import type { RunnerRequest } from '../../main/core/contract/runner.ts';
import type { RunnerId } from '../../main/core/id.ts';
import { UtilityProcessHost } from '../../main/electron/utility-process-host.ts';
import { systemClock } from '../../main/node/clock.ts';
import type { RunnerProcess } from '../../main/node/runner/host.ts';

/** What the test asks; each is answered. */
export type HostAsk =
  | {
      readonly type: 'Spawn';
      readonly key: number;
      readonly runnerId: RunnerId;
      readonly entry: string;
      readonly pidFolder: string;
      readonly environment: Readonly<Record<string, string>>;
    }
  | { readonly type: 'Send'; readonly key: number; readonly request: RunnerRequest }
  | { readonly type: 'Kill'; readonly key: number; readonly signal: 'SIGTERM' | 'SIGKILL' }
  | { readonly type: 'Look'; readonly key: number };

const runners = new Map<number, RunnerProcess>();
const socket = connect(process.env['SKEIN_TEST_SOCKET'] ?? '');
const tell = (message: unknown): void => void socket.write(`${JSON.stringify(message)}\n`);

function answer(ask: HostAsk): unknown {
  const { key } = ask;
  switch (ask.type) {
    case 'Spawn': {
      const host = new UtilityProcessHost(
        { clock: systemClock },
        { ...ask, userData: app.getPath('userData') },
      );
      const event = (name: string) => (value: unknown) => tell({ event: name, key, value });
      runners.set(
        key,
        host.spawn(ask.runnerId, {
          onReport: event('onReport'),
          onBrokenReport: event('onBrokenReport'),
          onExit: event('onExit'),
        }),
      );
      return null;
    }
    case 'Send':
      return runners.get(key)?.send(ask.request);
    case 'Kill':
      return runners.get(key)?.kill(ask.signal);
    case 'Look': {
      const runner = runners.get(key);
      return { pid: runner?.pid, congested: runner?.congested, stderrTail: runner?.stderrTail() };
    }
  }
}

void app.whenReady().then(() => {
  tell({ ready: process.pid });
  createInterface(socket).on('line', (line) => tell({ answer: answer(JSON.parse(line) as HostAsk) ?? null }));
  socket.on('close', () => app.exit(0));
});
