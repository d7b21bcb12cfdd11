import { request } from 'node:http';

export interface Reply {
  readonly status: number;
  readonly text: string;
  /** Undefined where the text is no JSON. */
  readonly json: unknown;
}

export interface Wish {
  /** GET without a body, POST with one, unless said. */
  readonly method?: string;
  readonly body?: unknown;
  /** Until the whole answer is there. */
  readonly withinMs?: number;
}

const WITHIN_MS = 15_000;

/** Asks a node; rejects when the connection breaks or the answer does not come in time. */
export function askNode(port: number, path: string, wish: Wish = {}): Promise<Reply> {
  const { body, withinMs = WITHIN_MS, method = body === undefined ? 'GET' : 'POST' } = wish;
  const payload = body === undefined ? undefined : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const headers = {
      'content-type': 'application/json',
      ...(payload === undefined ? {} : { 'content-length': Buffer.byteLength(payload) }),
    };
    const asked = request({ host: '127.0.0.1', port, path, method, headers, agent: false });
    const timer = setTimeout(
      () => asked.destroy(new Error(`${method} ${path} was not answered within ${withinMs} ms`)),
      withinMs,
    );
    const finish = (end: () => void): void => {
      clearTimeout(timer);
      end();
    };
    asked.on('error', (error) => finish(() => reject(error)));
    asked.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => (text += part));
      response.on('error', (error) => finish(() => reject(error)));
      response.on('close', () => finish(() => reject(new Error(`${method} ${path}: the answer broke off`))));
      response.on('end', () =>
        finish(() => resolve({ status: response.statusCode ?? 0, text, json: parsed(text) })),
      );
    });
    asked.end(payload);
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
