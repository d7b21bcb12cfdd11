import { get } from 'node:http';
import { HealthAnswer } from '../../core/contract/rest.ts';
import type { Clock } from '../clock.ts';

const PROBE_MS = 500;

/** Why a port could not be had, by whom it is used, and what helps. */
export async function explainListenError(
  error: NodeJS.ErrnoException,
  { hostname, port }: { readonly hostname: string; readonly port: number },
  clock: Clock,
): Promise<string> {
  const other = 'choose another with --port';
  if (error.code === 'EACCES') return `Port ${port} may not be used by this account; ${other}.`;
  if (error.code !== 'EADDRINUSE') return `Skein can't listen on ${hostname}:${port}: ${error.message}`;
  const skein = await probe(hostname, port, clock);
  return skein === null
    ? `Port ${port} is in use by another program (\`lsof -i :${port}\` names it); end it or ${other}.`
    : `Port ${port} is in use by another Skein node (${skein.node_id}, version ${skein.version}); ` +
        `use that one, stop it, or ${other}.`;
}

function probe(hostname: string, port: number, clock: Clock): Promise<HealthAnswer | null> {
  return new Promise((resolve) => {
    const request = get({ hostname, port, path: '/health', headers: { host: `${hostname}:${port}` } });
    const settle = (answer: HealthAnswer | null): void => {
      cancel();
      request.destroy();
      resolve(answer);
    };
    const cancel = clock.after(PROBE_MS, () => settle(null));
    request.on('error', () => settle(null));
    request.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8').on('error', () => settle(null));
      response.on('data', (chunk: string) => {
        text += chunk;
        if (text.length > 4_096) settle(null);
      });
      response.on('end', () => settle(parseHealth(text)));
    });
  });
}

function parseHealth(text: string): HealthAnswer | null {
  try {
    return HealthAnswer.safeParse(JSON.parse(text)).data ?? null;
  } catch {
    return null;
  }
}
