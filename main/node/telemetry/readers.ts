import { loadavg } from 'node:os';
import type { Backend } from '../../core/model-card.ts';
import { SECOND } from '../../core/unit.ts';
import type { Clock } from '../clock.ts';
import { connectivityReader } from '../hardware/connectivity.ts';
import { describeMachine, thisProcess } from '../hardware/machine.ts';
import { memoryReader } from '../hardware/memory.ts';
import { readBattery, readDisk, readTemperature } from '../hardware/sensors.ts';
import { thisSystem } from '../hardware/system.ts';
import type { TelemetryReaders, TelemetrySamplerInit } from './telemetry-sampler.ts';

/** What this computer is asked. */
export function systemReaders(clock: Clock, dataFolder: string): TelemetryReaders {
  return {
    memory: memoryReader(process.platform),
    machine: () => describeMachine(thisSystem, thisProcess()),
    connectivity: connectivityReader(thisSystem, clock),
    disk: () => readDisk(dataFolder),
    temperature: () => readTemperature(thisSystem),
    battery: () => readBattery(thisSystem),
    loadAverage: () => loadavg()[0] ?? 0,
  };
}

/** What is fixed for a platform. On macOS each look at the memory is a process of its own, so it comes less often. */
export function platformFacts(
  platform: NodeJS.Platform,
): Pick<TelemetrySamplerInit, 'cores' | 'memoryEveryMs'> & { readonly backends: readonly Backend[] } {
  const mac = platform === 'darwin';
  return {
    cores: Math.min(4096, Math.max(1, thisProcess().cores)),
    backends: mac ? ['MlxCpu', 'MlxMetal'] : ['MlxCpu'],
    memoryEveryMs: (mac ? 2 : 1) * SECOND,
  };
}
