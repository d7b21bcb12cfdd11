import type { IncomingMessage } from 'node:http';
import { HttpError } from './http-error.ts';

const loopback = /^(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?$/i;

const MAX_TARGET = 8_192;

/**
 * Who may ask at all. A page of another origin must not reach the node through the visitor's browser:
 * neither under a name that was rebound to 127.0.0.1 (Host) nor by calling the address itself (Origin).
 * @throws HttpError 400, 403 or 414
 */
export function guard({ url = '', headers }: Pick<IncomingMessage, 'url' | 'headers'>): void {
  const { host, origin } = headers;
  if (host === undefined || !loopback.test(host)) {
    throw new HttpError(
      403,
      `Host ${quoted(host)} is not this computer: Skein answers only to localhost, 127.0.0.1 and [::1], ` +
        'so that no web page reaches it under another name. Use http://127.0.0.1 with the port.',
      { param: 'Host' },
    );
  }
  if (origin !== undefined && origin.toLowerCase() !== `http://${host.toLowerCase()}`) {
    throw new HttpError(
      403,
      `Pages of origin ${quoted(origin)} may not use this node: only pages that it serves itself ` +
        `(http://${host}) and programs outside a browser. Call it from your own server or a command line.`,
      { param: 'Origin' },
    );
  }
  if (!url.startsWith('/'))
    throw new HttpError(400, 'The request target must be a path that begins with "/".');
  if (url.length > MAX_TARGET) throw new HttpError(414, `The path is longer than ${MAX_TARGET} characters.`);
}

function quoted(value: string | undefined): string {
  return value === undefined ? '(missing)' : JSON.stringify(value.slice(0, 200));
}
