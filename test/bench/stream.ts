import { connect } from 'node:net';
import { below, percentile, type Figure } from './figure.ts';
import type { BenchInit } from './places.ts';
import { ServedNode, STARTER_MODEL, withDataFolder } from './served-node.ts';

const TOKENS = 200;
const STREAM_TIMEOUT_MS = 60_000;

/** Monotonic microseconds; on Linux and macOS all processes share the clock behind it. */
const nowUs = (): number => Number(process.hrtime.bigint() / 1000n);

/**
 * From the engine's callback in the runner until the client has read the token's event from its socket:
 * detokenising, the runner's pipe, the node, HTTP. Each token of a run counts.
 */
export async function benchStream({ runs, onStep }: BenchInit): Promise<readonly Figure[]> {
  const delaysMs = await withDataFolder(async (dataDir) => {
    const node = await ServedNode.start(dataDir);
    try {
      await node.createReady();
      await traceChat(node.port, 32);
      const all: number[] = [];
      for (let run = 1; run <= runs; run += 1) {
        onStep(`engine token → client, run ${run} of ${runs}`);
        all.push(...(await traceChat(node.port, TOKENS)));
      }
      return all;
    } finally {
      await node.stop();
    }
  });
  const note = `of ${delaysMs.length} tokens`;
  return [
    {
      name: 'engine token → client, p50',
      unit: 'ms',
      value: percentile(delaysMs, 50),
      samples: delaysMs,
      note,
      aim: below(0.5),
    },
    { name: 'engine token → client, p99', unit: 'ms', value: percentile(delaysMs, 99), samples: [], note },
  ];
}

/** Streams one chat and returns the delay of each of its events in ms. */
function traceChat(port: number, maxTokens: number): Promise<readonly number[]> {
  const body = JSON.stringify({
    model: STARTER_MODEL,
    stream: true,
    max_tokens: maxTokens,
    temperature: 0,
    messages: [{ role: 'user', content: 'Tell me a long story about a lighthouse keeper and the sea.' }],
  });
  return new Promise((resolve, reject) => {
    const trace = new SseTrace();
    const socket = connect({ host: '127.0.0.1', port });
    const timer = setTimeout(
      () => socket.destroy(new Error(`the stream did not end within ${STREAM_TIMEOUT_MS} ms`)),
      STREAM_TIMEOUT_MS,
    );
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => trace.push(text, nowUs()));
    socket.on('error', reject);
    socket.on('close', () => {
      clearTimeout(timer);
      if (trace.ended) resolve(trace.delaysUs.map((us) => us / 1000));
      else reject(new Error(`the stream broke off: ${trace.tail}`));
    });
    socket.write(
      `POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nSkein-Trace: tokens\r\n` +
        `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    );
  });
}

/** Reads a traced stream as it comes off the socket, chunk headers and all. */
export class SseTrace {
  readonly delaysUs: number[] = [];
  #unread = '';
  #ended = false;

  /** Whether the stream said that it is complete. */
  get ended(): boolean {
    return this.#ended;
  }

  /** What could not be read yet, for a failure message. */
  get tail(): string {
    return this.#unread.slice(-400);
  }

  /** @param readAtUs when `text` was there */
  push(text: string, readAtUs: number): void {
    this.#unread += text;
    const event = /: sampled_at_us (\d+)\ndata: .*\n\n/g;
    let read = 0;
    for (const match of this.#unread.matchAll(event)) {
      this.delaysUs.push(readAtUs - Number(match[1]));
      read = match.index + match[0].length;
    }
    this.#unread = this.#unread.slice(read);
    this.#ended ||= this.#unread.includes('data: [DONE]\n');
  }
}
