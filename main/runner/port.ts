import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { Acknowledged } from '../core/contract/acknowledged.ts';
import { LineSplitter } from '../core/contract/line.ts';
import type { RunnerReport } from '../core/contract/runner.ts';
import { KiB, MiB } from '../core/unit.ts';

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

/** Characters of reports that the node has not taken; as a stream's own mark. */
const CONGESTED = 16 * KiB;

/** Characters of one request; a chat of the longest context fits several times. */
const MAX_REQUEST = 64 * MiB;

/** Of Electron's utility processes alone, where Node's types do not know it. */
interface ParentPort {
  postMessage(message: unknown): void;
  on(event: 'message', listener: (event: { readonly data: unknown }) => void): void;
}

/**
 * The channel to the node that started this process: Electron's own in a utility process, else an inherited pipe.
 * @throws when this process was not started by a node
 */
export function nodePort(): RunnerPort {
  const { parentPort } = process as { readonly parentPort?: ParentPort };
  if (parentPort !== undefined) return messagePort(parentPort);
  return streamPort(new Socket({ fd: CHANNEL, readable: true, writable: true }));
}

/** One JSON text per message. A utility process ends with its app, so that its channel is never found closed. */
function messagePort(parent: ParentPort): RunnerPort {
  let listener: RunnerPortListener | undefined;
  let drained: (() => void) | undefined;
  const channel = new Acknowledged({
    post: (message) => parent.postMessage(message),
    onText: (text) => listener?.onMessage(text.length > MAX_REQUEST ? undefined : parseJson(text)),
    onStrange: () => listener?.onMessage(undefined),
    soon: setImmediate,
    onDrained() {
      drained?.();
      listener?.onDrained();
    },
  });
  return {
    send: (report) => channel.send(JSON.stringify(report)),
    get congested() {
      return channel.waiting > CONGESTED;
    },
    listen(next) {
      listener = next;
      parent.on('message', ({ data }) => channel.receive(data));
    },
    async flush(deadlineMs) {
      if (channel.waiting === 0) return;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, deadlineMs);
        drained = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    },
  };
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
