import { createServer } from 'node:net';

/** Where one node of a cluster runs: how a process is started there and how it is reached. */
export interface Seat {
  /** What comes before the command line of a process there. */
  readonly prefix: readonly string[];
  /** Where its peers dial it. */
  readonly peerHost: string;
  readonly peerPort: number;
  /** Its REST port on the loopback interface there; 0 = any. */
  readonly restPort: number;
  /** The port on this process's own loopback interface that leads to the REST port there. */
  reach(restPort: number): number;
}

/** Where a whole cluster runs. */
export interface ClusterPlace {
  seat(index: number): Promise<Seat>;
  close(): Promise<void>;
}

/** Below the range from which systems draw ports for connections, so that a port stays free while its node is down. */
const LOWEST = 20_000;
const HIGHEST = 29_999;
let next = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST));

/** All nodes on the loopback interface of this computer, each with its own ports. */
export class LoopbackPlace implements ClusterPlace {
  async seat(): Promise<Seat> {
    return {
      prefix: [],
      peerHost: '127.0.0.1',
      peerPort: await freePort(),
      restPort: await freePort(),
      reach: (restPort) => restPort,
    };
  }

  async close(): Promise<void> {
    // It has nothing of its own.
  }
}

/** A port that is free now and that no connection will take by chance. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    next = next >= HIGHEST ? LOWEST : next + 1;
    if (await isFree(next)) return next;
  }
  throw new Error('no free port was found');
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ host: '127.0.0.1', port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
