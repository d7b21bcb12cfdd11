import { availableParallelism, cpus, release } from 'node:os';
import type { MachineDescription } from '../../core/hardware.ts';
import { ask, tidy, valueOf, type System } from './system.ts';

const PROFILER_TIMEOUT_MS = 30_000;
const VERSION_TIMEOUT_MS = 5_000;

/** What this process knows without asking anybody. */
export interface OwnProcess {
  readonly cores: number;
  /** As the system names the processor; empty = not known. */
  readonly processor: string;
  readonly kernel: string;
  readonly versions: Readonly<Record<string, string | undefined>>;
}

export const thisProcess = (): OwnProcess => ({
  cores: availableParallelism(),
  processor: cpus()[0]?.model ?? '',
  kernel: release(),
  versions: process.versions,
});

/** The computer as people know it. Never rejects: what can't be found out is absent. */
export async function describeMachine(system: System, own: OwnProcess): Promise<MachineDescription> {
  const told = system.platform === 'darwin' ? await askMac(system) : await askLinux(system, own);
  const chip = told.chip ?? tidy(own.processor);
  const { electron, node } = own.versions;
  return {
    ...told,
    ...(chip !== undefined && { chip }),
    cores: Math.min(4096, Math.max(1, own.cores)),
    runtime: electron === undefined ? `Node ${node ?? ''}` : `Electron ${electron}`,
  };
}

type Told = Omit<MachineDescription, 'cores' | 'runtime'>;

async function askMac(system: System): Promise<Told> {
  const [hardware, version] = await Promise.all([
    ask(system, '/usr/sbin/system_profiler', ['SPHardwareDataType'], PROFILER_TIMEOUT_MS),
    ask(system, '/usr/bin/sw_vers', [], VERSION_TIMEOUT_MS),
  ]);
  return present({
    model: valueOf(hardware, 'Model Name'),
    chip: valueOf(hardware, 'Chip'),
    os: valueOf(version, 'ProductName') ?? 'macOS',
    osVersion: valueOf(version, 'ProductVersion'),
    osBuild: valueOf(version, 'BuildVersion'),
  });
}

async function askLinux(system: System, { kernel }: OwnProcess): Promise<Told> {
  const release = await system.read('/etc/os-release');
  const field = (name: string): string | undefined =>
    tidy(new RegExp(`^${name}="?([^"\\n]*)"?$`, 'm').exec(release ?? '')?.[1]);
  return present({
    model: tidy(await system.read('/sys/class/dmi/id/product_name')),
    os: field('NAME') ?? 'Linux',
    osVersion: field('VERSION_ID'),
    osBuild: tidy(kernel),
  });
}

/** Without the fields that are not known. */
function present(fields: Readonly<Record<keyof Told, string | undefined>> | Told): Told {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
