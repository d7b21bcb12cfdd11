import type { MachineDescription, NodeHardware } from '../../core/hardware.ts';
import type { NodeId } from '../../core/id.ts';
import type { Backend } from '../../core/model-card.ts';
import type { NodeTelemetry } from '../../core/telemetry.ts';
import { SECOND } from '../../core/unit.ts';
import type { Clock } from '../clock.ts';
import type { Connectivity, ConnectivityReader } from '../hardware/connectivity.ts';
import type { Memory, MemoryReader } from '../hardware/memory-reading.ts';
import type { Battery, Disk } from '../hardware/sensors.ts';
import type { Startable } from '../lifecycle.ts';
import type { Log } from '../log.ts';
import { Probe, type Look } from './probe.ts';

/** What the sampler asks; each rejects or answers undefined where nothing is known. */
export interface TelemetryReaders {
  readonly memory: MemoryReader;
  readonly machine: () => Promise<MachineDescription>;
  readonly connectivity: ConnectivityReader;
  readonly disk: () => Promise<Disk>;
  readonly temperature: () => Promise<number | undefined>;
  readonly battery: () => Promise<Battery | undefined>;
  /** Of the last minute. */
  readonly loadAverage: () => number;
}

export interface TelemetrySamplerInit {
  readonly nodeId: NodeId;
  readonly cores: number;
  readonly backends: readonly Backend[];
  /** Undefined = not measured yet. */
  readonly decodeBytesPerSecond: () => number | undefined;
  /** Default 1 s; on macOS each look is a process of its own. */
  readonly memoryEveryMs?: number;
  /** Called with each sample: once per look at the memory. */
  readonly onSample?: (sample: NodeTelemetry) => void;
  /** Called when the hardware became known and when it changed. */
  readonly onHardware?: (hardware: NodeHardware) => void;
}

const EVERY = {
  memory: 1 * SECOND,
  connectivity: 5 * SECOND,
  disk: 10 * SECOND,
  temperature: 10 * SECOND,
  battery: 60 * SECOND,
} as const;

/** The programs behind a look have deadlines of their own, shorter ones. */
const DEADLINE = { quick: 10 * SECOND, slow: 120 * SECOND } as const;

/**
 * Watches this computer: one timer each second, which starts the looks that are due. What can't be looked at is absent
 * or stays as it was; `at` is the time of the last look at the memory.
 */
export class TelemetrySampler implements Startable {
  readonly #clock: Clock;
  readonly #readers: TelemetryReaders;
  readonly #init: TelemetrySamplerInit;
  readonly #memory: Probe<Memory>;
  readonly #others: readonly Look[];
  #sample: NodeTelemetry | undefined;
  #disk: Disk | undefined;
  #temperature: number | undefined;
  #battery: Battery | undefined;
  #machine: MachineDescription | undefined;
  #connectivity: Connectivity | undefined;
  #hardware: NodeHardware | undefined;
  #running = false;
  #cancelNext = (): void => undefined;

  constructor(
    components: { readonly clock: Clock; readonly log: Log; readonly readers: TelemetryReaders },
    init: TelemetrySamplerInit,
  ) {
    const { clock, readers } = components;
    this.#clock = clock;
    this.#readers = readers;
    this.#init = init;
    const probe = <Value>(
      what: string,
      read: () => Promise<Value>,
      timing: { readonly everyMs: number; readonly deadlineMs: number },
      onValue: (value: Value) => void,
    ): Probe<Value> => new Probe(components, { what, read, ...timing, onValue });
    const quick = (everyMs: number) => ({ everyMs, deadlineMs: DEADLINE.quick });
    const slow = (everyMs: number) => ({ everyMs, deadlineMs: DEADLINE.slow });
    this.#memory = probe(
      "This computer's free memory",
      readers.memory,
      quick(init.memoryEveryMs ?? EVERY.memory),
      (memory) => this.#onMemory(memory),
    );
    this.#others = [
      probe('The disk of the data folder', readers.disk, quick(EVERY.disk), (disk) => {
        this.#disk = disk;
      }),
      probe('The temperature', readers.temperature, quick(EVERY.temperature), (degrees) => {
        this.#temperature = degrees;
      }),
      probe('The battery', readers.battery, quick(EVERY.battery), (battery) => {
        this.#battery = battery;
      }),
      probe("This computer's network", readers.connectivity, slow(EVERY.connectivity), (connectivity) => {
        this.#connectivity = connectivity;
        this.#onHardware();
      }),
      probe("This computer's model", readers.machine, slow(Infinity), (machine) => {
        this.#machine = machine;
        this.#onHardware();
      }),
    ];
  }

  /** The newest sample; undefined before the memory was seen. */
  current(): NodeTelemetry | undefined {
    return this.#sample;
  }

  /** Undefined before machine and network were seen. */
  hardware(): NodeHardware | undefined {
    return this.#hardware;
  }

  /** Resolves after the first look at the memory, whether or not it succeeded; the other looks go on. */
  async start(): Promise<void> {
    this.#running = true;
    for (const probe of this.#others) void probe.tick();
    await this.#memory.tick();
    this.#again();
  }

  async stop(): Promise<void> {
    this.#running = false;
    this.#cancelNext();
    for (const probe of [this.#memory, ...this.#others]) probe.stop();
  }

  #again(): void {
    if (!this.#running) return;
    this.#cancelNext = this.#clock.after(SECOND, () => {
      for (const probe of [this.#memory, ...this.#others]) void probe.tick();
      this.#again();
    });
  }

  #onMemory({ totalBytes, availableBytes }: Memory): void {
    const { nodeId, backends, cores } = this.#init;
    const speed = this.#init.decodeBytesPerSecond();
    this.#sample = {
      nodeId,
      totalBytes,
      availableBytes,
      backends,
      ...(speed !== undefined && { decodeBytesPerSecond: speed }),
      load: { average: this.#readers.loadAverage(), cores },
      ...(this.#disk && { disk: this.#disk }),
      ...(this.#temperature !== undefined && { temperatureCelsius: this.#temperature }),
      ...(this.#battery && { battery: this.#battery }),
      at: this.#clock.now(),
    };
    this.#init.onSample?.(this.#sample);
  }

  #onHardware(): void {
    if (this.#machine === undefined || this.#connectivity === undefined) return;
    const { nodeId } = this.#init;
    const found = { nodeId, machine: this.#machine, ...this.#connectivity };
    if (this.#hardware !== undefined) {
      const { at: _at, ...before } = this.#hardware;
      // Both are built in the same order of keys.
      if (JSON.stringify(before) === JSON.stringify(found)) return;
    }
    this.#hardware = { ...found, at: this.#clock.now() };
    this.#init.onHardware?.(this.#hardware);
  }
}
