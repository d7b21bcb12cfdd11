import { request as httpRequest } from 'node:http';
import { ChatChunk } from '../../main/core/contract/rest-chat.ts';
import { ErrorAnswer } from '../../main/core/contract/rest.ts';

/** A streamed chat as a client hears it. Times are `performance.now()`. */
export interface ChatStream {
  readonly chunks: ChatChunk[];
  /** When each chunk with text arrived. */
  readonly textAt: number[];
  readonly text: string;
  /** Lines that are no events, without their colon. */
  readonly comments: string[];
  /** Undefined until the headers came. */
  readonly status: number | undefined;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The error of the stream, or the refusal instead of one. */
  readonly error: ErrorAnswer['error'] | undefined;
  /** Whether `data: [DONE]` came. */
  readonly done: boolean;
  /** When the connection ended; undefined before. */
  readonly endedAt: number | undefined;
  /** Resolves when the connection ended, however. */
  readonly ended: Promise<void>;
  /** Closes the socket like a client that is gone. */
  leave(): void;
}

/** Asks for a stream; every line of it must fit the contract. */
export function streamChat(port: number, body: Readonly<Record<string, unknown>>): ChatStream {
  const text = JSON.stringify({ stream: true, ...body });
  const ended = Promise.withResolvers<void>();
  const heard = {
    chunks: [] as ChatChunk[],
    textAt: [] as number[],
    text: '',
    comments: [] as string[],
    status: undefined as number | undefined,
    headers: {},
    error: undefined as ErrorAnswer['error'] | undefined,
    done: false,
    endedAt: undefined as number | undefined,
    ended: ended.promise,
    leave: () => void request.destroy(),
  };
  const finish = (problem?: Error): void => {
    if (heard.endedAt !== undefined) return;
    heard.endedAt = performance.now();
    if (problem === undefined) ended.resolve();
    else ended.reject(problem);
  };
  const take = (line: string): void => {
    if (line.startsWith(': ')) heard.comments.push(line.slice(2));
    if (!line.startsWith('data: ')) return;
    if (line === 'data: [DONE]') heard.done = true;
    else {
      const json: unknown = JSON.parse(line.slice(6));
      if (typeof json === 'object' && json !== null && 'error' in json)
        heard.error = ErrorAnswer.parse(json).error;
      else {
        const chunk = ChatChunk.parse(json);
        heard.chunks.push(chunk);
        const content = chunk.choices[0]?.delta.content ?? '';
        if (content !== '') heard.textAt.push(performance.now());
        heard.text += content;
      }
    }
  };
  const request = httpRequest({
    host: '127.0.0.1',
    port,
    path: '/v1/chat/completions',
    method: 'POST',
    agent: false,
    headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) },
  });
  request.on('error', () => finish());
  request.on('close', () => finish());
  request.on('response', (response) => {
    heard.status = response.statusCode;
    heard.headers = response.headers;
    let rest = '';
    response.setEncoding('utf8');
    response.on('error', () => finish());
    response.on('data', (data: string) => {
      const lines = (rest + data).split('\n');
      rest = lines.pop() ?? '';
      try {
        lines.forEach(take);
      } catch (error) {
        finish(error as Error);
      }
    });
    response.on('end', () => {
      if (response.statusCode !== 200) heard.error = ErrorAnswer.parse(JSON.parse(rest)).error;
      finish();
    });
  });
  request.end(text);
  return heard;
}
