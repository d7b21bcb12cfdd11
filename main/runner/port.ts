import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { LineSplitter } from '../core/contract/line.ts';
import type { RunnerReport } from '../core/contract/runner.ts';
import { MiB } from '../core/unit.ts';

/** A runner's end of the channel to its node; one shape whatever carries it. */
export interface RunnerPort {
  /** After the channel has closed: no effect. */
  send(report: RunnerReport): void;
  /** The node reads more slowly than we write: hold back what can be joined or dropped until `onDrained`. */
  readonly congested: boolean;
  listen(listener: RunnerPortListener): void;
  /** Resolves when all that was sent has left this process, or after `deadlineMs`, or when the channel closes. */
  flush(deadlineMs: number): Promise<void>;
}

export interface RunnerPortListener {
  /** Any value; undefined for what could not be read. Parsing it is the listener's work. */
  onMessage(message: unknown): void;
  onDrained(): void;
  /** Once: the node closed the channel or died. */
  onClosed(): void;
}

/** The descriptor that `ChildProcessHost` hands to its runners. */
const CHANNEL = 3;

/** Characters of one request; a chat of the longest context fits several times. */
const MAX_REQUEST = 64 * MiB;

/**
 * The channel inherited from the node.
 * @throws when this process was not started by one
 */
export function inheritedChannel(): Duplex {
  return new Socket({ fd: CHANNEL, readable: true, writable: true });
}

/** One JSON message per line over a byte stream. */
export function streamPort(stream: Duplex): RunnerPort {
  let closed = false;
  let listener: RunnerPortListener | undefined;
  const lines = new LineSplitter(MAX_REQUEST);
  const close = (): void => {
    if (closed) return;
    closed = true;
    listener?.onClosed();
  };
  stream.setEncoding('utf8');
  stream.on('end', close);
  stream.on('close', close);
  // A broken pipe is the node's death; `close` follows.
  stream.on('error', close);
  stream.on('drain', () => listener?.onDrained());
  return {
    send(report) {
      if (!closed && stream.writable) stream.write(`${JSON.stringify(report)}\n`);
    },
    get congested() {
      return !closed && stream.writableNeedDrain;
    },
    listen(next) {
      listener = next;
      stream.on('data', (chunk: string) => {
        const complete = lines.push(chunk);
        if (complete === null) next.onMessage(undefined);
        else for (const line of complete) next.onMessage(parseJson(line));
      });
    },
    async flush(deadlineMs) {
      if (closed || stream.writableLength === 0) return;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, deadlineMs);
        const finish = (): void => {
          clearTimeout(timer);
          resolve();
        };
        stream.write('\n', finish);
        stream.once('close', finish);
      });
    },
  };
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
