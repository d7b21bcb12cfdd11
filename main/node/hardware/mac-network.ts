import {
  hardwareLimits,
  InterfaceName,
  type InterfaceKind,
  type NetworkInterface,
} from '../../core/hardware.ts';
import { plainAddresses } from './ip-address.ts';

/** A line pair of `networksetup -listallhardwareports`. */
export interface HardwarePort {
  /** `Wi-Fi`, `Thunderbolt 2`, `Thunderbolt Bridge` … */
  readonly port: string;
  /** `en3` */
  readonly device: string;
}

/** Understands `networksetup -listallhardwareports`. */
export function hardwarePorts(output: string): readonly HardwarePort[] {
  return [...output.matchAll(/^Hardware Port: (.+)\nDevice: (\S+)$/gm)].map(([, port, device]) => ({
    port: port ?? '',
    device: device ?? '',
  }));
}

/** One block of `ifconfig -a`. */
export interface IfconfigBlock {
  readonly name: string;
  readonly loopback: boolean;
  readonly mtu: number | undefined;
  readonly addresses: readonly string[];
  readonly bitsPerSecond: number | undefined;
  readonly active: boolean | undefined;
  /** Of a bridge. */
  readonly members: readonly string[];
}

/** Understands `ifconfig -a` of macOS. */
export function ifconfigBlocks(output: string): readonly IfconfigBlock[] {
  return output.split(/^(?=\S+: flags=)/m).flatMap((block) => {
    const [, name, flags] = /^(\S+): flags=[0-9a-fA-F]+<([^>]*)>/.exec(block) ?? [];
    if (name === undefined || !InterfaceName.safeParse(name).success) return [];
    const mtu = Number(/ mtu (\d+)/.exec(block)?.[1]);
    const status = /^\s+status: (\S+)/m.exec(block)?.[1];
    return {
      name,
      loopback: (flags ?? '').split(',').includes('LOOPBACK'),
      mtu: mtu > 0 ? mtu : undefined,
      addresses: [...block.matchAll(/^\s+inet6? (\S+)/gm)].map(([, address]) => address ?? ''),
      bitsPerSecond: speedOf(/^\s+media: .*\((\S+)/m.exec(block)?.[1]),
      active: status === undefined ? undefined : status === 'active',
      members: [...block.matchAll(/^\s+member: (\S+)/gm)].map(([, member]) => member ?? ''),
    };
  });
}

/** `1000baseT` → 10^9, `10Gbase-T` → 10^10, `2500Base-T`; undefined for other words. */
function speedOf(media: string | undefined): number | undefined {
  const [, amount, giga] = /^(\d+(?:\.\d+)?)(G?)base/i.exec(media ?? '') ?? [];
  if (amount === undefined) return undefined;
  const bits = Number(amount) * (giga === '' ? 1e6 : 1e9);
  return bits > 0 ? bits : undefined;
}

/**
 * The interfaces of a Mac. What carries no address and belongs to no hardware port is left out: macOS has dozens.
 * @param thunderboltSpeeds bits per second by device, where a cable is plugged in
 */
export function macInterfaces(
  blocks: readonly IfconfigBlock[],
  ports: readonly HardwarePort[],
  thunderboltSpeeds: ReadonlyMap<string, number> = new Map(),
): readonly NetworkInterface[] {
  const portOf = new Map(ports.map(({ device, port }) => [device, port]));
  return blocks
    .filter(({ name, addresses }) => addresses.length > 0 || portOf.has(name))
    .map((block): NetworkInterface => {
      const kind = kindOf(block, portOf.get(block.name));
      const bitsPerSecond = thunderboltSpeeds.get(block.name) ?? block.bitsPerSecond;
      return {
        name: block.name,
        kind,
        addresses: plainAddresses(block.addresses, hardwareLimits.addresses),
        ...(block.mtu !== undefined && { mtu: block.mtu }),
        ...(bitsPerSecond !== undefined && { bitsPerSecond }),
        ...(block.active !== undefined && { active: block.active }),
      };
    })
    .slice(0, hardwareLimits.interfaces);
}

/** Hardware ports have names for people; interfaces without one exist in software only. */
function kindOf({ loopback }: IfconfigBlock, port: string | undefined): InterfaceKind {
  if (loopback) return 'Loopback';
  if (port === undefined) return 'Virtual';
  if (port.includes('Wi-Fi')) return 'Wifi';
  if (/Ethernet|LAN/.test(port)) return 'Ethernet';
  if (port.startsWith('Thunderbolt')) return 'Thunderbolt';
  return 'Unknown';
}
