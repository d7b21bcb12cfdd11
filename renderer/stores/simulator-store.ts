import { makeAutoObservable, runInAction } from 'mobx';
import type { MethodResult, StreamItem, StreamParams } from '../../main/core/contract/ipc.ts';
import type { SimulationFrame } from '../../main/core/contract/ipc-simulation.ts';
import { emptyState, type ClusterState } from '../../main/core/state.ts';
import type { Graph } from './cluster/graph.ts';
import { instanceRows, type InstanceRow } from './cluster/instance-rows.ts';
import type { RootStore } from './root-store.ts';

type Moment = Extract<SimulationFrame, { type: 'Moment' }>;

/** Lines kept to be looked at. */
const MOST_LINES = 400;
const TICK_MS = 50;

export interface SimulatorComponents {
  readonly root: RootStore;
  /** Calls again and again; the returned function ends it. */
  readonly every: (ms: number, call: () => void) => () => void;
}

/** A simulated life as it is watched: fetched as fast as it comes, shown at the speed that was chosen. */
export class SimulatorStore {
  scenarios: MethodResult<'scenarios'>['scenarios'] = [];
  chosen = '';
  seed = '1';
  nodes = 3;
  speed: '1' | '5' | '20' = '5';
  isPlaying = false;
  began: Extract<SimulationFrame, { type: 'Began' }> | null = null;
  ended: Extract<SimulationFrame, { type: 'Ended' }> | null = null;
  /** Simulated ms that are shown. */
  atMs = 0;
  moment: Moment | null = null;
  state: ClusterState = emptyState;
  lines: readonly {
    readonly atMs: number;
    readonly node: string;
    readonly kind: string;
    readonly text: string;
  }[] = [];
  problem: string | null = null;
  readonly #components: SimulatorComponents;
  #waiting: StreamItem<'simulate'>[] = [];
  #abort = new AbortController();
  #endTicks: () => void = () => undefined;

  constructor(components: SimulatorComponents) {
    this.#components = components;
    makeAutoObservable(this, {}, { autoBind: true, deep: false });
    void this.#load();
  }

  set<Key extends 'chosen' | 'seed' | 'nodes' | 'speed'>(key: Key, value: this[Key]): void {
    this[key] = value;
  }

  /** From the beginning. */
  play(): void {
    this.stop();
    this.began = null;
    this.ended = null;
    this.moment = null;
    this.state = emptyState;
    this.lines = [];
    this.atMs = 0;
    this.problem = null;
    this.#waiting = [];
    this.#abort = new AbortController();
    this.#start();
    void this.#fetch(this.#abort.signal);
  }

  toggle(): void {
    if (this.isPlaying) this.#pause();
    else this.#start();
  }

  /** May be called twice. */
  stop(): void {
    this.#pause();
    this.#abort.abort();
  }

  get graph(): Graph {
    const nodes = (this.moment?.nodes ?? []).map(({ nodeId, name, role }) => ({
      nodeId,
      name,
      isMaster: role === 'Master',
      isSelf: false,
      awaySince: role === 'off' || role === 'Stopped' ? 0 : null,
      machine: role,
      version: '',
      memory: null,
      load: null,
      temperatureCelsius: null,
      battery: null,
      disk: null,
    }));
    return { nodes, links: [] };
  }

  get rows(): readonly InstanceRow[] {
    return instanceRows(this.state, undefined);
  }

  #start(): void {
    if (this.isPlaying || this.ended !== null) return;
    this.isPlaying = true;
    this.#endTicks = this.#components.every(TICK_MS, () => this.#tick());
  }

  #pause(): void {
    this.isPlaying = false;
    this.#endTicks();
  }

  async #load(): Promise<void> {
    try {
      const { scenarios } = await this.#components.root.call('scenarios', {});
      runInAction(() => {
        this.scenarios = scenarios;
        if (this.chosen === '')
          this.chosen = scenarios.find(({ name }) => name === 'master-killed')?.name ?? '';
      });
    } catch (error) {
      runInAction(() => (this.problem = error instanceof Error ? error.message : String(error)));
    }
  }

  async #fetch(signal: AbortSignal): Promise<void> {
    const wish: StreamParams<'simulate'> =
      this.chosen === ''
        ? { type: 'Random', seed: Number(this.seed) || 0, nodes: this.nodes }
        : { type: 'Named', name: this.chosen };
    try {
      for await (const frame of this.#components.root.connection.client.open('simulate', wish, { signal })) {
        if (signal.aborted) return;
        if (frame.type === 'Began') runInAction(() => (this.began = frame));
        else this.#waiting.push(frame);
      }
    } catch (error) {
      if (!signal.aborted)
        runInAction(() => (this.problem = error instanceof Error ? error.message : String(error)));
    }
  }

  /** Shows what lies within the time that passed. */
  #tick(): void {
    let next = this.#waiting[0];
    // Time does not run ahead of what has come, nor on where nothing more comes.
    if (this.began === null || next === undefined) {
      if (this.problem !== null) this.#pause();
      return;
    }
    const until = Math.min(this.began.untilMs, this.atMs + TICK_MS * Number(this.speed));
    const lines = [...this.lines];
    while (next !== undefined) {
      if (next.type === 'Ended') {
        this.ended = next;
        this.atMs = next.simulatedMs;
        this.lines = lines.slice(-MOST_LINES);
        this.#pause();
        return;
      }
      if (next.type !== 'Moment' || next.atMs > until) break;
      this.#waiting.shift();
      this.moment = next;
      if (next.state !== null) this.state = next.state;
      lines.push(...next.lines.map((line) => ({ ...line, atMs: this.moment?.atMs ?? 0 })));
      next = this.#waiting[0];
    }
    this.lines = lines.slice(-MOST_LINES);
    this.atMs = until;
  }
}
