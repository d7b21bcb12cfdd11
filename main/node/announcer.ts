import { inOrder, nodeName } from '../core/view.ts';
import { phaseLabel, phaseOf } from '../core/phase.ts';
import type { NodeApi } from './api.ts';
import type { Clock } from './clock.ts';
import { curlFor, progressLine } from './progress.ts';

/** How often a terminal's progress line is drawn anew. */
const REDRAW_MS = 100;

export interface AnnouncerComponents {
  readonly api: NodeApi;
  readonly clock: Clock;
  readonly output: { readonly isTTY?: boolean; write(text: string): unknown };
}

/**
 * Tells the person at the terminal what the node does: a line for each phase a MetaInstance enters, a live line with
 * progress where the output is a terminal, and something to paste the first time one is ready.
 */
export class Announcer {
  readonly #components: AnnouncerComponents;
  readonly #shown = new Map<string, string>();
  readonly #startedAt: number;
  #address = '';
  #live = '';
  #offered = false;
  #unwatch: () => void = () => undefined;
  #cancelRedraw: () => void = () => undefined;

  constructor(components: AnnouncerComponents) {
    this.#components = components;
    this.#startedAt = components.clock.monotonic();
  }

  start(init: { readonly address: string; readonly dataDir: string }): void {
    const { api, output } = this.#components;
    this.#address = init.address;
    output.write(
      `Skein ${api.version} on ${nodeName(api.state(), api.nodeId)}\n` +
        `  node  ${api.nodeId}\n  data  ${init.dataDir}\n  API   ${init.address}  (docs: ${init.address}/openapi.json)\n\n`,
    );
    const tell = (): void => this.#tellPhases();
    this.#unwatch = api.watch(tell, tell);
    this.#tellPhases();
    if (output.isTTY === true) this.#redraw();
  }

  /** May be called twice. */
  stop(): void {
    this.#unwatch();
    this.#cancelRedraw();
    this.#clearLive();
  }

  #tellPhases(): void {
    const { api } = this.#components;
    const state = api.state();
    const telemetry = api.telemetry();
    for (const metaInstance of inOrder(state)) {
      const { metaInstanceId, status } = metaInstance;
      // Each chat would be two lines otherwise.
      const label = phaseLabel(state, metaInstance).replace('RUNNING', 'READY');
      const { Placed: place, Downloaded: files, Retrying: retrying } = status.conditions;
      // Just failed: what comes of it, and all that failed, is decided in a moment.
      if (label.startsWith('RETRYING') && retrying?.status !== 'True') continue;
      const noPlace = label === 'PLACEMENT FAILED' ? place?.message : '';
      const noFiles = files?.reason === 'DownloadFailed' ? files.message : '';
      const key = `${label} ${noPlace ?? ''} ${noFiles}`;
      if (this.#shown.get(metaInstanceId) === key) continue;
      this.#shown.set(metaInstanceId, key);
      this.#line(progressLine(state, telemetry, metaInstance));
      if (label === 'READY') this.#offer(curlFor(this.#address, metaInstance));
    }
    for (const metaInstanceId of this.#shown.keys()) {
      if (Object.hasOwn(state.metaInstances, metaInstanceId)) continue;
      this.#shown.delete(metaInstanceId);
      this.#line(`${metaInstanceId.padEnd(12)} deleted`);
    }
  }

  #offer(curl: string): void {
    if (this.#offered) return;
    this.#offered = true;
    const seconds = ((this.#components.clock.monotonic() - this.#startedAt) / 1000).toFixed(1);
    this.#line(`\nReady after ${seconds} s. Ask it something:\n\n${curl}\n\nCtrl-C stops Skein.\n`);
  }

  #redraw(): void {
    const { api, clock, output } = this.#components;
    const state = api.state();
    const busy = inOrder(state).find((each) => ['DOWNLOADING', 'LOADING'].includes(phaseOf(state, each)));
    this.#clearLive();
    if (busy !== undefined) {
      this.#live = progressLine(state, api.telemetry(), busy);
      output.write(this.#live);
    }
    this.#cancelRedraw = clock.after(REDRAW_MS, () => this.#redraw());
  }

  #line(text: string): void {
    this.#clearLive();
    this.#components.output.write(`${text}\n`);
  }

  #clearLive(): void {
    if (this.#live !== '') this.#components.output.write('\r\x1b[2K');
    this.#live = '';
  }
}
