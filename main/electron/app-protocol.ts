import { protocol, type Protocol } from 'electron';
import { APP_ORIGIN } from '../core/contract/ipc-app-channel.ts';
import { pageFilesIn } from '../node/server/dashboard.ts';

const { protocol: scheme, host } = new URL(APP_ORIGIN);

/** As in a browser, but for the connections: the app's pages talk over a port, never over the network. */
export const APP_CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data: blob:",
  "font-src 'self'",
  "connect-src 'self'",
  "worker-src 'self' blob:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** Before the app is ready: pages come from a scheme of their own instead of files, with an origin like any site. */
export function registerAppScheme(): void {
  protocol.registerSchemesAsPrivileged([
    {
      scheme: scheme.slice(0, -1),
      privileges: { standard: true, secure: true, supportFetchAPI: true, codeCache: true },
    },
  ]);
}

/** Serves the built dashboard to the pages of one session, from memory; nothing else of the disk can be asked for. */
export function serveApp(target: Protocol, folder: string): void {
  const files = pageFilesIn(folder);
  target.handle(scheme.slice(0, -1), ({ url, method }) => {
    const asked = new URL(url);
    const file =
      asked.host === host && (method === 'GET' || method === 'HEAD')
        ? files.get(asked.pathname === '/' ? '/index.html' : asked.pathname)
        : undefined;
    if (file === undefined) return new Response('Skein has no such page.', { status: 404 });
    return new Response(new Uint8Array(file.body), {
      headers: {
        'content-type': file.type,
        'content-security-policy': APP_CONTENT_SECURITY_POLICY,
        'referrer-policy': 'no-referrer',
        'x-content-type-options': 'nosniff',
        'cross-origin-opener-policy': 'same-origin',
        'cache-control': file.immutable ? 'public, max-age=31536000, immutable' : 'no-cache',
      },
    });
  });
}
