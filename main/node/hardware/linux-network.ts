import {
  hardwareLimits,
  InterfaceName,
  type InterfaceKind,
  type NetworkInterface,
} from '../../core/hardware.ts';
import { plainAddresses } from './ip-address.ts';
import type { System } from './system.ts';

const NET = '/sys/class/net';
/** ARPHRD_LOOPBACK and ARPHRD_ETHER of linux/if_arp.h. */
const TYPE_LOOPBACK = 772;
const TYPE_ETHERNET = 1;

/**
 * The network interfaces as https://docs.kernel.org/networking/ and sysfs-class-net tell them, down ones included.
 * Where /sys is not visible, names and addresses are all that is known.
 */
export async function linuxInterfaces(system: System): Promise<readonly NetworkInterface[]> {
  const addresses = system.addresses();
  const names = [...new Set([...(await system.list(NET)), ...Object.keys(addresses)])]
    .filter((name) => InterfaceName.safeParse(name).success)
    .slice(0, hardwareLimits.interfaces);
  return Promise.all(names.map((name) => readInterface(system, name, addresses[name] ?? [])));
}

async function readInterface(
  system: System,
  name: string,
  addresses: readonly string[],
): Promise<NetworkInterface> {
  const number = async (file: string): Promise<number | undefined> => {
    const text = await system.read(`${NET}/${name}/${file}`);
    return text !== undefined && /^-?\d+\s*$/.test(text) ? Number(text) : undefined;
  };
  const mtu = await number('mtu');
  // -1 where the driver does not know; refused while the interface is down.
  const megabits = (await number('speed')) ?? -1;
  const carrier = await number('carrier');
  return {
    name,
    kind: await kindOf(system, name, await number('type')),
    addresses: plainAddresses(addresses, hardwareLimits.addresses),
    ...(mtu !== undefined && mtu > 0 && { mtu }),
    ...(megabits > 0 && { bitsPerSecond: megabits * 1e6 }),
    ...(carrier !== undefined && { active: carrier === 1 }),
  };
}

async function kindOf(system: System, name: string, type: number | undefined): Promise<InterfaceKind> {
  if (type === TYPE_LOOPBACK) return 'Loopback';
  if (type === undefined) return 'Unknown';
  const inside = await system.list(`${NET}/${name}`);
  if (inside.includes('wireless') || inside.includes('phy80211')) return 'Wifi';
  // Only what a driver drives has a device.
  if (!inside.includes('device')) return 'Virtual';
  const driver = await system.follow(`${NET}/${name}/device/driver`);
  if (driver !== undefined && driver.endsWith('/thunderbolt-net')) return 'Thunderbolt';
  return type === TYPE_ETHERNET ? 'Ethernet' : 'Unknown';
}
