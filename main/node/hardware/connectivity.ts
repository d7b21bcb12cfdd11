import type { NodeHardware } from '../../core/hardware.ts';
import type { Clock } from '../clock.ts';
import { linuxInterfaces } from './linux-network.ts';
import { hardwarePorts, ifconfigBlocks, macInterfaces, type IfconfigBlock } from './mac-network.ts';
import {
  bridgeOf,
  bridgeServices,
  thunderboltBridgeService,
  thunderboltPorts,
  thunderboltSpeed,
} from './mac-thunderbolt.ts';
import { ibvDevices, linuxRdma, rdmaStatus } from './rdma.ts';
import { ask, type System } from './system.ts';

/** How this computer can be reached: its interfaces, its Thunderbolt ports and their RDMA. */
export type Connectivity = Pick<
  NodeHardware,
  'interfaces' | 'thunderboltPorts' | 'thunderboltBridge' | 'rdma'
>;

/** Rejects when not even the interfaces can be listed. */
export type ConnectivityReader = () => Promise<Connectivity>;

const IFCONFIG_TIMEOUT_MS = 5_000;
const NETWORKSETUP_TIMEOUT_MS = 10_000;
const PROFILER_TIMEOUT_MS = 30_000;
const RDMA_TIMEOUT_MS = 5_000;
/** What is slow to ask is asked when `ifconfig` says something new, and this often anyway. */
const SLOW_LOOK_EVERY_MS = 60_000;

export function connectivityReader(system: System, clock: Clock): ConnectivityReader {
  if (system.platform === 'darwin') return macReader(system, clock);
  return async () => ({
    interfaces: await linuxInterfaces(system),
    thunderboltPorts: [],
    rdma: await linuxRdma(system),
  });
}

function macReader(system: System, clock: Clock): ConnectivityReader {
  let said = '';
  let known: Connectivity | undefined;
  let askedAt = -Infinity;
  return async () => {
    const output = await system.run('/sbin/ifconfig', ['-a'], IFCONFIG_TIMEOUT_MS);
    if (known !== undefined && output === said && clock.monotonic() - askedAt < SLOW_LOOK_EVERY_MS) {
      return known;
    }
    known = await askMac(system, ifconfigBlocks(output));
    said = output;
    askedAt = clock.monotonic();
    return known;
  };
}

async function askMac(system: System, blocks: readonly IfconfigBlock[]): Promise<Connectivity> {
  const networksetup = (...args: string[]): Promise<string | undefined> =>
    ask(system, '/usr/sbin/networksetup', args, NETWORKSETUP_TIMEOUT_MS);
  const ports = hardwarePorts((await networksetup('-listallhardwareports')) ?? '');
  const profile = await ask(
    system,
    '/usr/sbin/system_profiler',
    ['SPThunderboltDataType', '-json'],
    PROFILER_TIMEOUT_MS,
  );
  const sockets = understood(() => thunderboltPorts(profile ?? '', ports)) ?? [];
  const speeds = new Map(
    sockets.flatMap(({ interfaceName, peerDomainUuids, linkSpeed }) => {
      const speed = thunderboltSpeed(linkSpeed);
      const used = interfaceName !== undefined && speed !== undefined && peerDomainUuids.length > 0;
      return used ? [[interfaceName, speed] as const] : [];
    }),
  );
  const services = bridgeServices((await networksetup('-listnetworkserviceorder')) ?? '');
  const service = thunderboltBridgeService(services, blocks, ports);
  const bridge =
    service && bridgeOf(service, (await networksetup('-getnetworkserviceenabled', service.service)) ?? '');
  const status = rdmaStatus(await ask(system, '/usr/bin/rdma_ctl', ['status'], RDMA_TIMEOUT_MS));
  const listed =
    status === 'Enabled'
      ? ibvDevices(await ask(system, '/usr/bin/ibv_devices', [], RDMA_TIMEOUT_MS))
      : undefined;
  return {
    interfaces: macInterfaces(blocks, ports, speeds),
    thunderboltPorts: sockets,
    ...(bridge && { thunderboltBridge: bridge }),
    // Where the devices can't be listed, each port with a network interface is taken for one.
    rdma: { status, devices: listed ?? sockets.flatMap(({ rdmaDevice }) => rdmaDevice ?? []) },
  };
}

/** Undefined for output that is not understood: a Mac without Thunderbolt says nothing. */
function understood<Value>(parse: () => Value): Value | undefined {
  try {
    return parse();
  } catch {
    return undefined;
  }
}
