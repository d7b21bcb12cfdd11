import type { LoadedModel } from '../../native/addon.d.ts';
import { RUNNER_PROTOCOL, RunnerRequest } from '../core/contract/runner.ts';
import type { RunnerSetup } from '../core/contract/runner.ts';
import type { RunnerFailure, RunnerPhase } from '../core/instance.ts';
import { unreachable } from '../core/result.ts';
import { SECOND } from '../core/unit.ts';
import type { Engine, EngineFactory } from './engine.ts';
import { Generations, WarmUp } from './generate.ts';
import type { TextFactory } from './generate-text.ts';
import type { RunnerPort } from './port.ts';
import { failureOf, warmUpPrompts } from './run-load.ts';

export interface RunnerComponents {
  readonly port: RunnerPort;
  /** Opens what the engine needs; called once, when loading begins, so that an idle runner is small and quick to start. */
  readonly openEngine: () => Promise<EngineFactory>;
  readonly openText: () => Promise<TextFactory>;
  /** Ends the process in order. */
  readonly exit: (code: number) => void;
  /** Ends the process whatever its threads do. */
  readonly abort: () => void;
  /** Gives back what loading left behind, tens of MB; takes some ms. */
  readonly collectGarbage: () => void;
  readonly residentBytes: () => number;
  /** Monotonic microseconds. */
  readonly nowUs: () => number;
}

export interface RunnerInit {
  readonly pid: number;
  readonly heartbeatMs?: number;
  /** How long an engine may take to close when the node asks, and when the node is gone. */
  readonly closeMs?: number;
  readonly orphanCloseMs?: number;
}

const HEARTBEAT_MS = SECOND / 2;
const CLOSE_MS = 3 * SECOND;
const ORPHAN_CLOSE_MS = SECOND;
const FLUSH_MS = SECOND / 2;

/** The message loop of a runner process. Requests that come twice have no effect; those out of turn end the runner. */
export class Runner {
  readonly #components: RunnerComponents;
  readonly #closeMs: number;
  readonly #orphanCloseMs: number;
  readonly #heartbeat: NodeJS.Timeout;
  #setup: RunnerSetup | undefined;
  #phase: RunnerPhase = 'Starting';
  #connected = false;
  #engine: Engine | undefined;
  #model: LoadedModel | undefined;
  #warmUp: WarmUp | undefined;
  #generations: Generations | undefined;
  #ready = false;
  #ending = false;

  /** Says hello and listens. */
  constructor(components: RunnerComponents, init: RunnerInit) {
    this.#components = components;
    this.#closeMs = init.closeMs ?? CLOSE_MS;
    this.#orphanCloseMs = init.orphanCloseMs ?? ORPHAN_CLOSE_MS;
    const { port } = components;
    port.listen({
      onMessage: (message) => this.#onMessage(message),
      onDrained: () => this.#generations?.onDrained(),
      onClosed: () => void this.#end(this.#orphanCloseMs),
    });
    port.send({ type: 'Hello', protocol: RUNNER_PROTOCOL, pid: init.pid });
    this.#heartbeat = setInterval(() => this.#beat(), init.heartbeatMs ?? HEARTBEAT_MS);
  }

  /** As the node's `Shutdown`; for SIGTERM. */
  shutdown(): void {
    void this.#end(this.#closeMs);
  }

  /** For errors that nobody caught. */
  crash(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    this.#fail({ reason: 'EngineFailed', phase: this.#phase, message: `an unforeseen error: ${message}` });
  }

  #onMessage(message: unknown): void {
    if (this.#ending) return;
    const parsed = RunnerRequest.safeParse(message);
    if (parsed.success) return this.#onRequest(parsed.data);
    const [issue] = parsed.error.issues;
    this.#refuse(`the node sent what is no request (${issue?.path.join('.') ?? ''} ${issue?.message ?? ''})`);
  }

  #onRequest(request: RunnerRequest): void {
    switch (request.type) {
      case 'Setup':
        return this.#onSetup(request.setup);
      case 'Connect':
        return this.#onConnect();
      case 'Load':
        return this.#onLoad();
      case 'WarmUp':
        return this.#onWarmUp();
      case 'Generate': {
        const { taskId, generation } = request;
        if (this.#ready) return this.#generations?.start(taskId, generation);
        const message = 'The model is not ready yet.';
        return this.#components.port.send({ type: 'TaskRefused', taskId, code: 'NotReady', message });
      }
      case 'Cancel':
        return this.#generations?.cancel(request.taskId);
      case 'Shutdown':
        return this.shutdown();
      default:
        return unreachable(request);
    }
  }

  #onSetup(setup: RunnerSetup): void {
    if (this.#setup === undefined) this.#setup = setup;
    else if (JSON.stringify(this.#setup) !== JSON.stringify(setup)) this.#refuse('a second, different Setup');
  }

  #onConnect(): void {
    if (this.#setup === undefined) return this.#refuse('Connect before Setup');
    if (this.#connected) return;
    this.#phase = 'Connecting';
    const { worldSize } = this.#setup;
    if (worldSize > 1) {
      const message = `this version runs a model on one node only; ${worldSize} ranks were asked for`;
      return this.#fail({ reason: 'EngineFailed', phase: 'Connecting', message });
    }
    this.#connected = true;
    this.#components.port.send({ type: 'Connected' });
  }

  #onLoad(): void {
    if (this.#setup === undefined || !this.#connected) return this.#refuse('Load before Connect');
    if (this.#phase !== 'Connecting') return;
    this.#phase = 'Loading';
    void this.#attempt(() => this.#load(this.#setup as RunnerSetup));
  }

  #onWarmUp(): void {
    if (this.#model === undefined) return this.#refuse('WarmUp before Loaded');
    if (this.#phase !== 'Loading') return;
    this.#phase = 'WarmingUp';
    const { model, setup } = { model: this.#model, setup: this.#setup as RunnerSetup };
    void this.#attempt(async () => {
      for (const prompt of warmUpPrompts(model, setup)) await this.#warmUp?.run(prompt);
      if (this.#ending) return;
      this.#phase = 'Serving';
      this.#ready = true;
      this.#components.port.send({ type: 'WarmedUp' });
    });
  }

  /** The engine thread reads the weights while this one builds the tokenizer. */
  async #load(setup: RunnerSetup): Promise<void> {
    const { port, openEngine, openText, collectGarbage, nowUs } = this.#components;
    const [createEngine, createText] = await Promise.all([openEngine(), openText()]);
    if (this.#isEnding()) return;
    const engine = createEngine((batch) => {
      this.#warmUp?.onSteps(batch);
      this.#generations?.onSteps(batch);
    });
    this.#engine = engine;
    const { modelPath: path, firstLayer, lastLayer } = setup;
    const { maxTasks, maxQueued, contextTokens, prefillChunk, kvBytes } = setup;
    const limits = { maxTasks, maxQueued, contextTokens, prefillChunk, kvBytes };
    const loading = engine.load({ path, firstLayer, lastLayer, limits }, (layersLoaded, totalLayers) => {
      if (!this.#ending) port.send({ type: 'Loading', layersLoaded, totalLayers });
    });
    // Whichever finds the file wrong first explains it; the other's error is dropped.
    const [model, text] = await Promise.all([
      loading,
      Promise.resolve().then(() => createText(engine.readMetadata(path))),
    ]);
    if (this.#isEnding()) return;
    collectGarbage();
    this.#model = model;
    this.#warmUp = new WarmUp(engine);
    this.#generations = new Generations({ engine, text, port, nowUs }, model.contextTokens);
    port.send({ type: 'Loaded', weightBytes: model.weightBytes, contextTokens: model.contextTokens });
  }

  /** A method, so that what was true before an `await` is asked again after it. */
  #isEnding(): boolean {
    return this.#ending;
  }

  async #attempt(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#fail(failureOf(error, this.#phase));
    }
  }

  #beat(): void {
    if (this.#ending || this.#components.port.congested) return;
    const figures = this.#engine?.heartbeat();
    if (figures?.phase === 'failed') {
      const message = 'the engine has failed and can compute no more';
      return this.#fail({ reason: 'EngineFailed', phase: this.#phase, message });
    }
    this.#components.port.send({
      type: 'Heartbeat',
      beats: figures?.beats ?? 0,
      busy: figures !== undefined && (figures.phase === 'loading' || figures.phase === 'stepping'),
      activeTasks: figures?.activeTasks ?? 0,
      queuedTasks: figures?.queuedTasks ?? 0,
      weightBytes: figures?.weightBytes ?? 0,
      kvBytes: figures?.kvBytes ?? 0,
      residentBytes: this.#components.residentBytes(),
    });
  }

  #refuse(what: string): void {
    this.#fail({ reason: 'ContractBroken', phase: this.#phase, message: what });
  }

  #fail(failure: RunnerFailure): void {
    if (this.#ending) return;
    this.#ending = true;
    clearInterval(this.#heartbeat);
    const { port, exit } = this.#components;
    this.#generations?.endAll({ type: 'Failed', message: failure.message });
    port.send({ type: 'Failed', failure });
    void port.flush(FLUSH_MS).then(() => exit(1));
  }

  /** Closes the engine, then ends with code 0; when it does not close in time, says so and ends hard. */
  async #end(withinMs: number): Promise<void> {
    if (this.#ending) return;
    this.#ending = true;
    clearInterval(this.#heartbeat);
    const { port, exit, abort } = this.#components;
    this.#generations?.endAll({ type: 'Cancelled' });
    const closed = await closes(this.#engine, withinMs);
    if (closed) {
      port.send({ type: 'ShutDown' });
    } else {
      const message = `the engine did not let go within ${withinMs / SECOND} s`;
      port.send({ type: 'Failed', failure: { reason: 'EngineStuck', phase: 'ShuttingDown', message } });
    }
    await port.flush(FLUSH_MS);
    if (closed) exit(0);
    else abort();
  }
}

/** False when the engine does not close in time or throws. */
async function closes(engine: Engine | undefined, withinMs: number): Promise<boolean> {
  if (engine === undefined) return true;
  const late = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => late.resolve(false), withinMs);
  const closing = engine.close().then(
    () => true,
    () => false,
  );
  const closed = await Promise.race([closing, late.promise]);
  clearTimeout(timer);
  return closed;
}
