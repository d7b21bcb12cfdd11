import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { createInterface, type Interface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';

/** Where it lies, as `SKEIN_ADDON` says of the addon. */
const binary =
  process.env['SKEIN_NATIVE_TESTS'] ??
  fileURLToPath(new URL('../../../native/build/skein_native_tests', import.meta.url));
const replyTimeoutMs = 60_000;

/** `SKEIN_CPU_*` settings of one process of the test binary. */
export interface KernelEnvironment {
  readonly SKEIN_CPU_KERNEL?: string;
  readonly SKEIN_CPU_THREADS?: string;
}

/** Where the kernels and their test binary are built; Apple silicon uses MLX's own. */
export const hasCpuKernels = process.platform === 'linux';

/** One running `skein_native_tests`: commands go in as lines, measurements come back as JSON. */
export class NativeTests {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: Interface;
  readonly #replies: AsyncIterator<string>;

  constructor(environment: KernelEnvironment = {}) {
    this.#child = spawn(binary, [], {
      stdio: ['pipe', 'pipe', 'inherit'],
      // As the runner's host does: OpenBLAS' helper threads would spin for a while after the start.
      env: { ...process.env, OPENBLAS_NUM_THREADS: '1', ...environment },
    });
    this.#lines = createInterface({ input: this.#child.stdout });
    this.#replies = this.#lines[Symbol.asyncIterator]();
  }

  /** Runs one command. Rejects when the process ends or takes longer than a minute; a refusal is a reply with `failure`. */
  async run(command: string, ...words: ReadonlyArray<string | number>): Promise<Record<string, unknown>> {
    this.#child.stdin.write(`${[command, ...words].join(' ')}\n`);
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), replyTimeoutMs);
    try {
      const reply = await this.#replies.next();
      if (reply.done === true) throw new Error(`skein_native_tests ended during '${command}'`);
      return JSON.parse(reply.value) as Record<string, unknown>;
    } finally {
      clearTimeout(timer);
    }
  }

  get pid(): number {
    return this.#child.pid ?? NaN;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Ends it whatever it is at. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exited;
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.stdin.end();
    await exited;
  }
}
