import type { IncomingMessage } from 'node:http';
import { formatBytes, SECOND } from '../../core/unit.ts';
import type { Clock } from '../clock.ts';
import { HttpError } from './http-error.ts';
import type { ServerLimits } from './limits.ts';

const decoder = new TextDecoder('utf-8', { fatal: true });

/** The client closed the connection: nobody is left to answer. */
export class ClientLeft extends Error {
  override readonly name = 'ClientLeft';
}

/**
 * The JSON body of a request, not yet checked against any schema.
 * @throws HttpError 400, 408, 413 or 415 · ClientLeft
 */
export async function readJson(
  incoming: IncomingMessage,
  clock: Clock,
  limits: Pick<ServerLimits, 'bodyBytes' | 'bodyMs'>,
): Promise<unknown> {
  checkContentType(incoming);
  const announced = Number(incoming.headers['content-length'] ?? 0);
  if (announced > limits.bodyBytes) throw tooLarge(limits.bodyBytes);
  const bytes = await readBytes(incoming, clock, limits);
  let text: string;
  try {
    text = decoder.decode(bytes);
  } catch {
    throw new HttpError(400, 'The body is not valid UTF-8.');
  }
  if (text.trim() === '') throw new HttpError(400, 'The body is empty; a JSON object is expected.');
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    const reason = error instanceof Error ? error.message.slice(0, 200) : '';
    throw new HttpError(400, `The body is not valid JSON: ${reason}`);
  }
}

function checkContentType({ headers }: IncomingMessage): void {
  const type = headers['content-type'];
  if (type === undefined || !/^application\/(json|[\w.+-]+\+json)\s*(;|$)/i.test(type)) {
    const sent = type === undefined ? 'none' : JSON.stringify(type.slice(0, 100));
    throw new HttpError(415, `Content-Type is ${sent}; send "content-type: application/json".`, {
      param: 'Content-Type',
    });
  }
  const charset = /charset\s*=\s*"?([^\s";]+)/i.exec(type)?.[1];
  if (charset !== undefined && !/^utf-?8$/i.test(charset)) {
    throw new HttpError(415, `Charset ${charset.slice(0, 50)} is not supported; send UTF-8.`, {
      param: 'Content-Type',
    });
  }
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') {
    throw new HttpError(415, 'Compressed bodies are not supported; send the JSON as it is.', {
      param: 'Content-Encoding',
    });
  }
}

function readBytes(
  incoming: IncomingMessage,
  clock: Clock,
  { bodyBytes, bodyMs }: Pick<ServerLimits, 'bodyBytes' | 'bodyMs'>,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const settle = (outcome: () => void): void => {
      cancelDeadline();
      incoming.off('data', onData).off('end', onEnd).off('error', onLeft).off('close', onLeft);
      outcome();
    };
    const onData = (chunk: Buffer): void => {
      size += chunk.length;
      if (size > bodyBytes) settle(() => reject(tooLarge(bodyBytes)));
      else chunks.push(chunk);
    };
    const onEnd = (): void => settle(() => resolve(Buffer.concat(chunks, size)));
    const onLeft = (): void => settle(() => reject(new ClientLeft('the client left while sending its body')));
    const cancelDeadline = clock.after(bodyMs, () =>
      settle(() =>
        reject(
          new HttpError(408, `The body did not arrive within ${bodyMs / SECOND} s; send it again.`, {
            headers: { connection: 'close' },
          }),
        ),
      ),
    );
    incoming.on('data', onData).on('end', onEnd).on('error', onLeft).on('close', onLeft);
    if (incoming.destroyed) onLeft();
  });
}

function tooLarge(bodyBytes: number): HttpError {
  return new HttpError(413, `The body is larger than ${formatBytes(bodyBytes)}, the most that is taken.`, {
    headers: { connection: 'close' },
  });
}
