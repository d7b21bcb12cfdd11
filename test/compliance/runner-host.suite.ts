import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { RunnerReport } from '../../main/core/contract/runner.ts';
import type { RunnerExit, RunnerHost, RunnerProcess } from '../../main/node/runner/host.ts';
import { generation, runnerId, runnerSetup, taskId } from '../support/runner-builders.ts';
import type { FakeRunnerScript } from '../support/fake-runner-script.ts';
import { isRunning } from '../support/runner-processes.ts';

/** A host whose runners are `test/support/fake-runner.ts`, following the script. */
export type HostFactory = (script: FakeRunnerScript) => RunnerHost;

export interface HostUnderTest {
  readonly create: HostFactory;
  /** A host whose executable is not there. */
  readonly createBroken: () => RunnerHost;
}

class Seen {
  readonly reports: RunnerReport[] = [];
  readonly broken: string[] = [];
  readonly exits: RunnerExit[] = [];
  /** What arrived after the exit: must stay empty. */
  late = 0;
  readonly process: RunnerProcess;

  constructor(host: RunnerHost) {
    const note =
      <Entry>(list: Entry[]) =>
      (entry: Entry): void => {
        if (this.exits.length > 0) this.late += 1;
        list.push(entry);
      };
    this.process = host.spawn(runnerId, {
      onReport: note(this.reports),
      onBrokenReport: note(this.broken),
      onExit: note(this.exits),
    });
  }

  async until(type: RunnerReport['type']): Promise<void> {
    await expect
      .poll(() => this.reports.some((report) => report.type === type), { interval: 5, timeout: 10_000 })
      .toBe(true);
  }

  async untilBroken(): Promise<void> {
    await expect.poll(() => this.broken.length, { interval: 5, timeout: 60_000 }).toBeGreaterThan(0);
  }

  async untilExit(withinMs: number): Promise<RunnerExit | undefined> {
    await expect.poll(() => this.exits.length, { interval: 5, timeout: withinMs }).toBe(1);
    return this.exits[0];
  }
}

/** What every `RunnerHost` owes a supervisor, whatever carries its processes. */
export function runnerHostSuite(name: string, { create, createBroken }: HostUnderTest): void {
  describe(name, () => {
    let folder: string;
    let modelPath: string;
    const started: Seen[] = [];

    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), 'skein-host-'));
      modelPath = join(folder, 'tiny.gguf');
      writeFileSync(modelPath, 'GGUF and nothing more');
    });
    afterAll(() => rmSync(folder, { recursive: true, force: true }));
    afterEach(async () => {
      for (const seen of started.splice(0)) {
        seen.process.kill('SIGKILL');
        await seen.untilExit(5_000);
        expect(seen.late).toBe(0);
        if (seen.process.pid !== undefined) expect(isRunning(seen.process.pid)).toBe(false);
      }
    });

    const spawn = (script: FakeRunnerScript, host = create(script)): Seen => {
      const seen = new Seen(host);
      started.push(seen);
      return seen;
    };

    const ready = async (script: FakeRunnerScript): Promise<Seen> => {
      const seen = spawn(script);
      seen.process.send({ type: 'Setup', setup: runnerSetup({ modelPath }) });
      seen.process.send({ type: 'Connect' });
      seen.process.send({ type: 'Load' });
      await seen.until('Loaded');
      seen.process.send({ type: 'WarmUp' });
      await seen.until('WarmedUp');
      return seen;
    };

    it('carries requests and reports both ways, and ends with 0 when asked', async () => {
      const seen = await ready({});
      seen.process.send({ type: 'Generate', taskId: taskId('a'), generation: generation() });
      await seen.until('TaskEnded');
      expect(seen.process.send({ type: 'Shutdown' })).toBe(true);
      expect(await seen.untilExit(3_000)).toEqual({ type: 'Exited', code: 0 });
      expect(seen.reports[0]).toMatchObject({ type: 'Hello', pid: seen.process.pid });
      expect(seen.reports.at(-1)).toEqual({ type: 'ShutDown' });
      expect(seen.broken).toEqual([]);
    });

    it('takes requests before the process has come up', async () => {
      const seen = spawn({});
      expect(seen.process.send({ type: 'Shutdown' })).toBe(true);
      expect(await seen.untilExit(5_000)).toEqual({ type: 'Exited', code: 0 });
    });

    it('tells that a runner is far behind with reading, and that it has caught up', async () => {
      const seen = await ready({});
      const long = generation({ messages: [{ role: 'user', content: 'x'.repeat(1 << 20) }] });
      process.kill(Number(seen.process.pid), 'SIGSTOP');
      for (let sent = 1; sent <= 12; sent += 1) {
        expect(seen.process.send({ type: 'Generate', taskId: taskId(`t${sent}`), generation: long })).toBe(
          true,
        );
      }
      expect(seen.process.congested).toBe(true);
      process.kill(Number(seen.process.pid), 'SIGCONT');
      await expect.poll(() => seen.process.congested, { timeout: 10_000 }).toBe(false);
    });

    it('reports an exit at once with its code and last words', async () => {
      const seen = spawn({ atStart: 'exit' });
      expect(await seen.untilExit(5_000)).toEqual({ type: 'Exited', code: 3 });
      expect(seen.process.stderrTail()).toContain('no, thanks');
    });

    it('reports a crash with its signal', async () => {
      const seen = spawn({ engine: { mishap: { when: 'load', how: 'crash' } } });
      await seen.until('Hello');
      seen.process.send({ type: 'Setup', setup: runnerSetup({ modelPath }) });
      seen.process.send({ type: 'Connect' });
      seen.process.send({ type: 'Load' });
      expect(await seen.untilExit(10_000)).toEqual({ type: 'Signalled', signal: 'SIGSEGV' });
    });

    it('passes a last report on before the exit', async () => {
      const seen = spawn({});
      seen.process.send({ type: 'Load' });
      expect(await seen.untilExit(5_000)).toEqual({ type: 'Exited', code: 1 });
      expect(seen.reports.at(-1)).toMatchObject({ type: 'Failed', failure: { reason: 'ContractBroken' } });
    });

    it('reports a spawn that fails, and is harmless after it', async () => {
      const seen = spawn({}, createBroken());
      expect(await seen.untilExit(5_000)).toMatchObject({ type: 'SpawnFailed' });
      expect(seen.process.pid).toBeUndefined();
      expect(seen.process.send({ type: 'Connect' })).toBe(false);
      seen.process.kill('SIGTERM');
      expect(seen.process.stderrTail()).toBe('');
    });

    it('is harmless after the end: sending is false, killing nothing', async () => {
      const seen = spawn({});
      await seen.until('Hello');
      seen.process.kill('SIGKILL');
      seen.process.kill('SIGKILL');
      expect(await seen.untilExit(2_000)).toEqual({ type: 'Signalled', signal: 'SIGKILL' });
      expect(seen.process.send({ type: 'Connect' })).toBe(false);
      seen.process.kill('SIGTERM');
      expect(seen.exits).toHaveLength(1);
    });

    it('ends a runner in order on SIGTERM', async () => {
      const seen = await ready({});
      seen.process.kill('SIGTERM');
      expect(await seen.untilExit(3_000)).toEqual({ type: 'Exited', code: 0 });
    });

    it('ends one that is deaf to SIGTERM, blocked or stopped with SIGKILL', async () => {
      const deaf = spawn({ deafToTerm: true });
      const mute = spawn({ atStart: 'mute' });
      const stopped = spawn({});
      await deaf.until('Hello');
      await stopped.until('Hello');
      process.kill(stopped.process.pid ?? 0, 'SIGSTOP');
      deaf.process.kill('SIGTERM');
      stopped.process.kill('SIGTERM');
      await new Promise((resolve) => setTimeout(resolve, 200));
      expect([deaf.exits, stopped.exits, mute.exits]).toEqual([[], [], []]);
      for (const seen of [deaf, mute, stopped]) {
        seen.process.kill('SIGKILL');
        expect(await seen.untilExit(2_000)).toEqual({ type: 'Signalled', signal: 'SIGKILL' });
      }
    });

    it.each(['garbage', 'strange', 'endless', 'flood'] as const)(
      'reports %s on the channel once and stays alive itself',
      async (atStart) => {
        const seen = spawn({ atStart });
        await seen.untilBroken();
        await new Promise((resolve) => setTimeout(resolve, 100));
        expect(seen.broken).toHaveLength(1);
      },
      90_000,
    );

    it('keeps the last 8 KiB of what the process wrote, standard output too', async () => {
      const seen = spawn({ atStart: 'chatter' });
      await seen.until('Hello');
      await expect.poll(() => seen.process.stderrTail(), { interval: 5 }).toContain('the end');
      expect(Buffer.byteLength(seen.process.stderrTail())).toBeLessThanOrEqual(8 * 1024);
    });

    it('gives the process what it needs of the environment and none of the rest', async () => {
      process.env['SKEIN_TEST_SECRET'] = 'hush';
      try {
        const seen = spawn({ atStart: 'environment' });
        await seen.until('Hello');
        await expect.poll(() => seen.process.stderrTail(), { interval: 5 }).toContain('PATH');
        expect(seen.process.stderrTail()).not.toContain('hush');
      } finally {
        delete process.env['SKEIN_TEST_SECRET'];
      }
    });
  });
}
