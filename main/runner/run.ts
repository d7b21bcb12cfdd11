import type { LoadedModel } from '../../native/addon.d.ts';
import { RUNNER_PROTOCOL, RunnerRequest } from '../core/contract/runner.ts';
import type { RankInvitation, RunnerSetup } from '../core/contract/runner.ts';
import type { RunnerFailure, RunnerPhase } from '../core/instance.ts';
import { unreachable } from '../core/result.ts';
import { SECOND } from '../core/unit.ts';
import type { Engine, EngineFactory } from './engine.ts';
import { Generations, WarmUp } from './generate.ts';
import type { TextFactory, TextModel } from './generate-text.ts';
import type { RunnerPort } from './port.ts';
import { applyEnvironment, cutOff, groupOptionsOf, loadOptionsOf, withNames } from './rank.ts';
import { failureOf, warmUpPrompts } from './run-load.ts';

export interface RunnerComponents {
  readonly port: RunnerPort;
  /** Opens what the engine needs; called once, when it is first used: an idle runner that is alone is small and quick to start. */
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
  #invitation: RankInvitation | undefined;
  #engine: Engine | undefined;
  #text: TextModel | undefined;
  #model: LoadedModel | undefined;
  #warmUp: WarmUp | undefined;
  #generations: Generations | undefined;
  #ready = false;
  /** Asked to leave the group and keep the weights. */
  #parking = false;
  /** Without a group, with weights: another Setup may come. */
  #parked = false;
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
        return this.#onConnect(request.group);
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
      case 'Park':
        return this.#onPark();
      case 'Shutdown':
        return this.shutdown();
      default:
        return unreachable(request);
    }
  }

  #onSetup(setup: RunnerSetup): void {
    if (this.#setup !== undefined && !this.#parked) {
      if (JSON.stringify(this.#setup) !== JSON.stringify(setup)) this.#refuse('a second, different Setup');
      return;
    }
    this.#setup = setup;
    this.#parked = false;
    const { group } = setup;
    if (group === undefined) return;
    void this.#attempt(async () => {
      const engine = await this.#openEngine();
      if (!this.#isEnding())
        this.#components.port.send({ type: 'Listening', port: engine.listen(group.listenAt) });
    });
  }

  #onConnect(invitation: RankInvitation | undefined): void {
    const setup = this.#setup;
    if (setup === undefined) return this.#refuse('Connect before Setup');
    if (this.#connected || this.#phase === 'Connecting') return;
    if ((setup.group === undefined) !== (invitation === undefined)) {
      return this.#refuse('Connect does not fit Setup: only a rank of several joins others');
    }
    this.#phase = 'Connecting';
    this.#invitation = invitation;
    void this.#attempt(async () => {
      if (invitation !== undefined) {
        const engine = await this.#openEngine();
        applyEnvironment(invitation);
        await engine.connect(groupOptionsOf(setup, invitation), (reason) => this.#onLost(reason));
      }
      if (this.#isEnding() || this.#parked) return;
      this.#connected = true;
      this.#components.port.send({ type: 'Connected' });
    });
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
      // The others compute with rank 0, whichever phase they are in.
      if (setup.rank === 0) {
        for (const prompt of warmUpPrompts(model, setup)) await this.#warmUp?.run(prompt);
      }
      if (this.#isEnding() || this.#parked) return;
      this.#phase = 'Serving';
      this.#ready = setup.rank === 0;
      this.#components.port.send({ type: 'WarmedUp' });
    });
  }

  async #openEngine(): Promise<Engine> {
    if (this.#engine !== undefined) return this.#engine;
    const createEngine = await this.#components.openEngine();
    this.#engine ??= createEngine((batch) => {
      this.#warmUp?.onSteps(batch);
      this.#generations?.onSteps(batch);
    });
    return this.#engine;
  }

  /** The engine thread reads the weights while this one builds the tokenizer. */
  async #load(setup: RunnerSetup): Promise<void> {
    const { port, collectGarbage } = this.#components;
    const opening = setup.rank === 0 ? this.#components.openText() : undefined;
    const [engine, createText] = await Promise.all([this.#openEngine(), opening]);
    if (this.#isEnding()) return;
    const loading = engine.load(loadOptionsOf(setup), (layersLoaded, totalLayers) => {
      if (!this.#ending) port.send({ type: 'Loading', layersLoaded, totalLayers });
    });
    // Whichever finds the file wrong first explains it; the other's error is dropped.
    const [model, text] = await Promise.all([
      loading,
      Promise.resolve().then(() => this.#text ?? createText?.(engine.readMetadata(setup.modelPath))),
    ]);
    if (this.#isEnding() || this.#parked) return;
    collectGarbage();
    this.#model = model;
    this.#text = text;
    this.#warmUp = new WarmUp(engine);
    if (text !== undefined) this.#generations = this.#generationsOf(engine, text, model.contextTokens);
    port.send({ type: 'Loaded', weightBytes: model.weightBytes, contextTokens: model.contextTokens });
  }

  #generationsOf(engine: Engine, text: TextModel, contextTokens: number): Generations {
    const { port, nowUs } = this.#components;
    const invitation = this.#invitation;
    const explain = invitation && ((error: string) => cutOff(withNames(error, invitation)));
    return new Generations({ engine, text, port, nowUs, ...(explain && { explain }) }, contextTokens);
  }

  #onPark(): void {
    if (this.#parked || this.#parking) return;
    const started = this.#phase !== 'Starting' && this.#phase !== 'Connecting';
    if (!started && this.#weightBytes === 0) return this.shutdown();
    this.#parking = true;
    this.#ready = false;
    const why = 'the node ended this attempt';
    if (this.#phase === 'Starting') this.#onLost(why);
    else this.#engine?.abortGroup(why);
  }

  /** The group is left and every task has ended. What can be used again stays, if there is anything. */
  #onLost(reason: string): void {
    if (this.#ending || this.#parked) return;
    const message = this.#invitation === undefined ? reason : withNames(reason, this.#invitation);
    const failure = { reason: 'GroupLost', phase: this.#phase, message } as const;
    if (this.#weightBytes === 0) return this.#parking ? this.shutdown() : this.#fail(failure);
    this.#generations?.endAll({ type: 'Failed', message: cutOff(message) });
    this.#components.port.send(this.#parking ? { type: 'Parked' } : { type: 'GroupLost', failure });
    this.#parked = true;
    this.#parking = false;
    this.#phase = 'Starting';
    this.#connected = false;
    this.#ready = false;
    this.#model = undefined;
    this.#warmUp = undefined;
    this.#generations = undefined;
  }

  /** A method, so that what was true before an `await` is asked again after it. */
  #isEnding(): boolean {
    return this.#ending;
  }

  get #weightBytes(): number {
    return this.#engine?.heartbeat().weightBytes ?? 0;
  }

  async #attempt(work: () => Promise<void>): Promise<void> {
    const setup = this.#setup;
    try {
      await work();
    } catch (error) {
      if (this.#setup !== setup || this.#parked) return;
      const failure = failureOf(error, this.#phase);
      // The engine says so once it has left a group that was joined; only then another may be. In a group no step fails alone.
      const grouped = this.#connected && this.#invitation !== undefined;
      if (grouped && (failure.reason === 'GroupLost' || this.#phase === 'WarmingUp')) return;
      if (failure.reason === 'GroupLost') this.#onLost(failure.message);
      else this.#fail(failure);
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
