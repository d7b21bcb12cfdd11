import { execFile, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { ClusterPlace, Seat } from './cluster-seat.ts';

const run = promisify(execFile);
const gatewayScript = fileURLToPath(new URL('cluster-gateway.ts', import.meta.url));
const REST_PORT = 52_415;
const PEER_PORT = 52_416;
/** An address that no interface has: what is sent there is lost on the way, and nobody is told. */
const NOWHERE = '02:00:00:00:00:01';

/** Why there can be no network of our own here; undefined = there can. */
export const whyNoLan: string | undefined = reasonAgainstLan();

/** As `whyNoLan`, for a link of a given rate. */
export const whyNoSlowLink: string | undefined = whyNoLan ?? reasonAgainstSlowLinks();

/**
 * A local network of network namespaces: one computer each, cables to a switch, and a second switch onto which cables
 * are moved for a partition. Nothing of it reaches the computer's own network.
 */
export class Lan implements ClusterPlace {
  readonly #tag: string;
  readonly #ready: Promise<void>;
  readonly #gateways: { readonly child: ChildProcess; readonly server: Server }[] = [];
  readonly #seats = new Set<number>();

  /** @param tag with which all names begin; at most 8 letters and digits; whoever cleans up goes by it */
  constructor(tag: string) {
    this.#tag = tag;
    this.#ready = this.#makeSwitches();
    // Whoever takes a seat hears of it.
    this.#ready.catch(() => undefined);
  }

  async seat(index: number): Promise<Seat> {
    await this.#ready;
    const namespace = this.namespace(index);
    await ip('netns', 'add', namespace);
    await ip('link', 'add', this.#cable(index), 'type', 'veth', 'peer', 'name', 'eth0', 'netns', namespace);
    // Multicast and all else goes over IPv4, so that what cuts that cuts everything.
    await inside(namespace, ['sh', '-c', 'echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6']);
    await ip('-n', namespace, 'link', 'set', 'lo', 'up');
    await ip('-n', namespace, 'addr', 'add', `${this.address(index)}/24`, 'dev', 'eth0');
    await ip('-n', namespace, 'link', 'set', 'eth0', 'up');
    await ip('link', 'set', this.#cable(index), 'master', this.#switch(0), 'up');
    this.#seats.add(index);
    const port = await this.#gateway(namespace);
    return {
      prefix: ['ip', 'netns', 'exec', namespace],
      peerHost: this.address(index),
      peerPort: PEER_PORT,
      restPort: REST_PORT,
      reach: () => port,
    };
  }

  /** A way to everywhere, as a router gives one: without it, multicast leads nowhere. */
  async route(index: number): Promise<void> {
    await ip('-n', this.namespace(index), 'route', 'add', 'default', 'dev', 'eth0');
  }

  namespace(index: number): string {
    return `${this.#tag}n${index}`;
  }

  address(index: number): string {
    return `10.77.0.${index + 1}`;
  }

  /** Pulls the cable of a computer, or plugs it in. */
  async link(index: number, state: 'up' | 'down'): Promise<void> {
    await ip('link', 'set', this.#cable(index), state);
  }

  /** These reach only each other, and so do all others. `heal` ends it. */
  async partition(apart: readonly number[]): Promise<void> {
    for (const index of this.#seats) {
      await ip('link', 'set', this.#cable(index), 'master', this.#switch(apart.includes(index) ? 1 : 0));
    }
  }

  /** What `from` sends to `to` is lost, what `to` sends to `from` arrives. */
  async lose(from: number, to: number): Promise<void> {
    const at = ['dev', 'eth0', 'lladdr', NOWHERE, 'nud', 'permanent'];
    await ip('-n', this.namespace(from), 'neigh', 'replace', this.address(to), ...at);
  }

  /** What a computer sends goes no faster than this; null = as fast as it can. */
  async slow(index: number, rate: string | null): Promise<void> {
    const about = ['dev', 'eth0', 'root'];
    const shape = rate === null ? [] : ['tbf', 'rate', rate, 'burst', '16kb', 'latency', '400ms'];
    await run('tc', [
      '-n',
      this.namespace(index),
      'qdisc',
      rate === null ? 'del' : 'replace',
      ...about,
      ...shape,
    ]);
  }

  /** All cables are in, on one switch, and nothing is lost. */
  async heal(): Promise<void> {
    await this.partition([]);
    for (const index of this.#seats) {
      await this.link(index, 'up');
      await ip('-n', this.namespace(index), 'neigh', 'flush', 'dev', 'eth0', 'nud', 'permanent');
    }
  }

  /** Ends what leads in; the namespaces go with whoever cleans up behind the cluster. */
  async close(): Promise<void> {
    for (const { child, server } of this.#gateways) {
      server.close();
      if (child.connected) child.disconnect();
      child.kill('SIGKILL');
    }
  }

  async #makeSwitches(): Promise<void> {
    for (const number of [0, 1]) {
      const name = this.#switch(number);
      await ip('link', 'add', name, 'type', 'bridge', 'mcast_snooping', '0');
      await ip('link', 'set', name, 'up');
    }
  }

  async #gateway(namespace: string): Promise<number> {
    const server = createServer();
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen(0, '127.0.0.1', resolve);
    });
    const { port } = server.address() as AddressInfo;
    const flags = ['--disable-warning=ExperimentalWarning', gatewayScript, String(REST_PORT)];
    const child = spawn('ip', ['netns', 'exec', namespace, process.execPath, ...flags], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    this.#gateways.push({ child, server });
    await new Promise<void>((resolve, reject) => {
      child.once('message', () => resolve());
      child.once('error', reject).once('exit', () => reject(new Error(`nothing leads into ${namespace}`)));
      child.send('serve', server);
    });
    // The socket goes on in the other process.
    server.close();
    return port;
  }

  #cable(index: number): string {
    return `${this.#tag}c${index}`;
  }

  #switch(number: number): string {
    return `${this.#tag}s${number}`;
  }
}

async function ip(...args: readonly string[]): Promise<void> {
  await run('ip', [...args], { timeout: 10_000 });
}

async function inside(namespace: string, command: readonly string[]): Promise<void> {
  await run('ip', ['netns', 'exec', namespace, ...command], { timeout: 10_000 });
}

function reasonAgainstLan(): string | undefined {
  if (process.platform !== 'linux') return 'network namespaces are of Linux';
  if (process.getuid?.() !== 0) return 'network namespaces need root';
  const name = `sktry${process.pid}`;
  const made = spawnSync('ip', ['netns', 'add', name], { encoding: 'utf8' });
  if (made.error !== undefined) return 'there is no `ip` (iproute2)';
  if (made.status !== 0) return `no network namespace can be made: ${made.stderr.trim()}`;
  const linked = spawnSync('ip', ['-n', name, 'link', 'add', 'switch', 'type', 'bridge'], {
    encoding: 'utf8',
  });
  spawnSync('ip', ['netns', 'del', name]);
  return linked.status === 0 ? undefined : `no bridge can be made: ${linked.stderr.trim()}`;
}

function reasonAgainstSlowLinks(): string | undefined {
  const name = `sktrs${process.pid}`;
  spawnSync('ip', ['netns', 'add', name]);
  const shape = [
    'qdisc',
    'add',
    'dev',
    'lo',
    'root',
    'tbf',
    'rate',
    '1mbit',
    'burst',
    '16kb',
    'latency',
    '400ms',
  ];
  const shaped = spawnSync('tc', ['-n', name, ...shape], { encoding: 'utf8' });
  spawnSync('ip', ['netns', 'del', name]);
  return shaped.status === 0 ? undefined : 'the kernel or `tc` can not limit the rate of a link (tbf)';
}
