import { request, type IncomingMessage } from 'node:http';
import { z } from 'zod';
import { CliError, exitCodeFor, exitCodes } from './exit.ts';

/** How long a node may take to answer what it answers at once; streams and chats have no such bound. */
const ANSWER_MS = 30_000;
const MAX_ANSWER = 256 * 1024 * 1024;

export interface Target {
  readonly host: string;
  readonly port: number;
}

export interface Call {
  readonly method?: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  readonly body?: unknown;
  readonly signal?: AbortSignal;
  /** The answer comes when the model is done: no deadline. */
  readonly slow?: boolean;
}

/** A node's REST surface as the commands use it. Every failure is a `CliError` with its exit code. */
export class NodeClient {
  readonly #target: Target;

  constructor(target: Target) {
    this.#target = target;
  }

  get address(): string {
    const { host, port } = this.#target;
    return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
  }

  /** @param schema what of the answer is used; the rest is left out */
  async call<Schema extends z.ZodType>(
    path: string,
    schema: Schema,
    call: Call = {},
  ): Promise<z.output<Schema>> {
    const response = await this.#open(path, call);
    const parsed = schema.safeParse(parsedJson(await textOf(response, this.address)));
    if (parsed.success) return parsed.data;
    throw new CliError(
      exitCodes.failed,
      `What answers at ${this.address} does not speak this version of Skein (${path}): is it a Skein node?`,
    );
  }

  /** The text of a streamed answer as it comes. */
  async *stream(path: string, call: Call): AsyncGenerator<string> {
    const response = await this.#open(path, { ...call, slow: true });
    response.setEncoding('utf8');
    try {
      for await (const chunk of response) yield chunk as string;
    } catch (error) {
      if (call.signal?.aborted === true) throw interrupted();
      throw new CliError(exitCodes.failed, `The node at ${this.address} broke off: ${messageOf(error)}`);
    }
  }

  /** Resolves with an answer below 400. */
  async #open(path: string, { method, body, signal, slow = false }: Call): Promise<IncomingMessage> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const outgoing = request({
        ...this.#target,
        path,
        method: method ?? (text === undefined ? 'GET' : 'POST'),
        agent: false,
        ...(signal === undefined ? {} : { signal }),
        headers:
          text === undefined
            ? {}
            : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) },
      });
      if (!slow) {
        outgoing.setTimeout(ANSWER_MS, () =>
          outgoing.destroy(new Error(`no answer within ${ANSWER_MS / 1000} s`)),
        );
      }
      outgoing.on('response', resolve);
      outgoing.on('error', (error: NodeJS.ErrnoException) => reject(this.#failure(error, signal)));
      outgoing.end(text);
    });
    if ((response.statusCode ?? 500) >= 400) throw await this.#refusal(response);
    return response;
  }

  #failure(error: NodeJS.ErrnoException, signal: AbortSignal | undefined): CliError {
    if (signal?.aborted === true) return interrupted();
    if (error.code === 'ECONNREFUSED') {
      return new CliError(
        exitCodes.unreachable,
        `No Skein node answers at ${this.address}; start one with \`npm start\` or \`skein serve\`.`,
      );
    }
    return new CliError(exitCodes.unreachable, `No Skein node answers at ${this.address}: ${error.message}`);
  }

  async #refusal(response: IncomingMessage): Promise<CliError> {
    const status = response.statusCode ?? 500;
    const text = await textOf(response, this.address);
    const parsed = ErrorBody.safeParse(parsedJson(text));
    const message = parsed.success
      ? parsed.data.error.message
      : `${this.address} answered with HTTP ${status}: is it a Skein node?`;
    return new CliError(exitCodeFor(status), message);
  }
}

export const ErrorBody = z.object({ error: z.object({ message: z.string() }) });

export function interrupted(): CliError {
  return new CliError(exitCodes.interrupted, 'Interrupted.');
}

async function textOf(response: IncomingMessage, address: string): Promise<string> {
  const chunks: string[] = [];
  let length = 0;
  response.setEncoding('utf8');
  try {
    for await (const chunk of response) {
      chunks.push(chunk as string);
      length += (chunk as string).length;
      if (length > MAX_ANSWER) throw new Error('the answer is too large');
    }
  } catch (error) {
    throw new CliError(exitCodes.failed, `The node at ${address} broke off: ${messageOf(error)}`);
  }
  return chunks.join('');
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
