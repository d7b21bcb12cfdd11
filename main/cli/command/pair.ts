import { ClusterAnswer, PairingView } from '../../core/contract/rest-cluster.ts';
import { CliError, exitCodes, type ExitCode } from '../exit.ts';
import type { Invocation } from '../invocation.ts';
import type { Session } from '../session.ts';
import { printable, printableJson, styleFor } from '../terminal.ts';

const LOOK_EVERY_MS = 500;

/** Shows a code and waits for what comes of it; Ctrl-C takes it back. */
export async function pair(
  session: Session,
  { json, wait }: Extract<Invocation, { type: 'pair' }>,
): Promise<ExitCode> {
  const { client, io, signal } = session;
  const shown = await client.call('/cluster/pairing', PairingView, { method: 'POST', signal });
  if (json) io.stdout.write(`${printableJson(shown)}\n`);
  else io.stdout.write(instructions(shown, io.now(), styleFor(io.stdout, io.env).bold));
  if (!wait) return exitCodes.ok;
  const ended = await outcomeOf(session);
  if (ended.state !== 'Joined') throw new CliError(exitCodes.failed, ended.message);
  if (!json) io.stdout.write(`${printable(ended.message)}\n`);
  return exitCodes.ok;
}

function instructions(
  { code: shown, addresses, expiresAt }: PairingView,
  now: number,
  bold: (text: string) => string,
): string {
  const code = printable(shown ?? '');
  const minutes = Math.max(1, Math.round((expiresAt - now) / 60_000));
  const far = addresses.filter((address) => !/^(127\.|\[::1\])/.test(address));
  const [first, ...more] = (far.length > 0 ? far : addresses).map(printable);
  const direct =
    first === undefined ? '' : `\nIf it does not find this node:\n\n  skein join ${code} --peer ${first}\n`;
  const others = more.length === 0 ? '' : `\nOther addresses of this node: ${more.join(', ')}\n`;
  return (
    `Pairing code: ${bold(code)}\n\nOn the other computer, within ${minutes} min:\n\n` +
    `  skein join ${code}\n${direct}${others}\n`
  );
}

async function outcomeOf({ client, signal }: Session): Promise<PairingView> {
  try {
    for (;;) {
      const { pairing } = await client.call('/cluster', ClusterAnswer, { signal });
      if (pairing === null)
        throw new CliError(exitCodes.failed, 'The node was started anew; the code is gone.');
      if (pairing.code === null) return pairing;
      await pause(LOOK_EVERY_MS, signal);
    }
  } catch (error) {
    // A code that nobody waits for is taken back; the signal of this call is not the one that was aborted.
    if (signal.aborted) await client.call('/cluster/pairing', ClusterAnswer, { method: 'DELETE' });
    throw error;
  }
}

/** Ends early when Ctrl-C comes. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
  });
}
