import { hardwareLimits, RdmaDevice, type RdmaStatus } from '../../core/hardware.ts';
import type { System } from './system.ts';

export interface Rdma {
  readonly status: RdmaStatus;
  readonly devices: readonly string[];
}

/** Understands `rdma_ctl status`: it says enabled or disabled; anything else is not known. */
export function rdmaStatus(output: string | undefined): RdmaStatus {
  const words: readonly string[] = output?.toLowerCase().match(/[a-z]+/g) ?? [];
  if (words.includes('disabled')) return 'Disabled';
  return words.includes('enabled') ? 'Enabled' : 'Unknown';
}

/** Understands `ibv_devices`: a head line, a line of dashes, then `name  GUID`. Undefined for other output. */
export function ibvDevices(output: string | undefined): readonly string[] | undefined {
  if (output === undefined || !/^\s*device\s+node GUID/m.test(output)) return undefined;
  const names = [...output.matchAll(/^\s+(\S+)\s+[0-9a-f]{16}\s*$/gm)].map(([, name]) => name ?? '');
  return names.filter((name) => RdmaDevice.safeParse(name).success).slice(0, hardwareLimits.ports);
}

const INFINIBAND = '/sys/class/infiniband';

/** The RDMA devices of Linux; enabled = a port of one of them is active. */
export async function linuxRdma(system: System): Promise<Rdma> {
  const names = (await system.list(INFINIBAND)).filter((name) => RdmaDevice.safeParse(name).success);
  const devices = names.slice(0, hardwareLimits.ports);
  if (devices.length === 0) return { status: 'Unknown', devices: [] };
  const active = await Promise.all(devices.map((device) => hasActivePort(system, device)));
  return { status: active.includes(true) ? 'Enabled' : 'Disabled', devices };
}

async function hasActivePort(system: System, device: string): Promise<boolean> {
  for (const port of (await system.list(`${INFINIBAND}/${device}/ports`)).slice(0, hardwareLimits.ports)) {
    const state = await system.read(`${INFINIBAND}/${device}/ports/${port}/state`);
    if (state?.includes('ACTIVE') === true) return true;
  }
  return false;
}
