import { z } from 'zod';
import {
  DomainUuid,
  hardwareLimits,
  type ThunderboltBridge,
  type ThunderboltPort,
} from '../../core/hardware.ts';
import type { HardwarePort, IfconfigBlock } from './mac-network.ts';
import { tidy } from './system.ts';

/** What hangs at a port: a computer, a hub with more behind it, or something that has no domain. */
const Item = z.looseObject({
  domain_uuid_key: DomainUuid.optional().catch(undefined),
  _items: z.array(z.unknown()).max(64).optional().catch(undefined),
});

const Bus = z.looseObject({
  domain_uuid_key: DomainUuid,
  receptacle_1_tag: z.looseObject({
    receptacle_id_key: z.string(),
    current_speed_key: z.string().optional().catch(undefined),
  }),
  _items: Item.shape._items,
});

const Report = z.looseObject({ SPThunderboltDataType: z.array(z.unknown()).max(256) });

const DEEPEST_HUB = 8;

/**
 * Understands `system_profiler SPThunderboltDataType -json`. A bus without domain or socket (an older controller, an
 * inner one) is left out.
 * @throws Error when the output is none of that program
 */
export function thunderboltPorts(output: string, ports: readonly HardwarePort[]): readonly ThunderboltPort[] {
  const deviceOf = new Map(ports.map(({ port, device }) => [port, device]));
  const { SPThunderboltDataType } = Report.parse(JSON.parse(output));
  return SPThunderboltDataType.flatMap((entry): ThunderboltPort[] => {
    const bus = Bus.safeParse(entry);
    if (!bus.success) return [];
    const { domain_uuid_key: domainUuid, receptacle_1_tag: socket, _items } = bus.data;
    const receptacle = tidy(socket.receptacle_id_key);
    if (receptacle === undefined) return [];
    const interfaceName = deviceOf.get(`Thunderbolt ${receptacle}`);
    const linkSpeed = tidy(socket.current_speed_key);
    const peers = domainsOf(_items ?? [], DEEPEST_HUB).filter((each) => each !== domainUuid);
    return [
      {
        receptacle,
        ...(interfaceName !== undefined && { interfaceName, rdmaDevice: `rdma_${interfaceName}` }),
        domainUuid,
        peerDomainUuids: [...new Set(peers)].slice(0, hardwareLimits.ports),
        ...(linkSpeed !== undefined && { linkSpeed }),
      },
    ];
  }).slice(0, hardwareLimits.ports);
}

function domainsOf(items: readonly unknown[], depth: number): readonly string[] {
  if (depth === 0) return [];
  return items.flatMap((entry) => {
    const { domain_uuid_key: domain, _items } = Item.safeParse(entry).data ?? {};
    return [...(domain === undefined ? [] : [domain]), ...domainsOf(_items ?? [], depth - 1)];
  });
}

/** `Up to 80 Gb/s` → 8·10^10; undefined for other words. */
export function thunderboltSpeed(linkSpeed: string | undefined): number | undefined {
  const gigabits = Number(/(\d+(?:\.\d+)?) Gb\/s/.exec(linkSpeed ?? '')?.[1]);
  return gigabits > 0 ? gigabits * 1e9 : undefined;
}

/** A network service over a bridge: a pair of lines of `networksetup -listnetworkserviceorder`. */
export interface BridgeService {
  readonly service: string;
  readonly device: string;
}

/** Understands `networksetup -listnetworkserviceorder`; a disabled service has `*` for its number. */
export function bridgeServices(output: string): readonly BridgeService[] {
  const pairs = output.matchAll(/^\([\d*]+\) (.+)\n\(Hardware Port: .*, Device: (bridge\d+)\)$/gm);
  return [...pairs].map(([, service, device]) => ({ service: service ?? '', device: device ?? '' }));
}

/** The service whose bridge holds a Thunderbolt port; undefined = there is none. */
export function thunderboltBridgeService(
  services: readonly BridgeService[],
  blocks: readonly IfconfigBlock[],
  ports: readonly HardwarePort[],
): BridgeService | undefined {
  const thunderbolt = new Set(
    ports.filter(({ port }) => port.toLowerCase().includes('thunderbolt')).map(({ device }) => device),
  );
  return services.find(({ device }) =>
    blocks.find(({ name }) => name === device)?.members.some((member) => thunderbolt.has(member)),
  );
}

/** Understands `networksetup -getnetworkserviceenabled SERVICE`. */
export function bridgeOf({ service, device }: BridgeService, output: string): ThunderboltBridge | undefined {
  const name = tidy(service);
  const answer = output.trim();
  if (name === undefined || !/^(Enabled|Disabled)$/.test(answer)) return undefined;
  return { service: name, device, enabled: answer === 'Enabled' };
}
