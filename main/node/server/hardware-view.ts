import type { HardwareAnswer, MachineAnswer } from '../../core/contract/rest-hardware.ts';
import type { NetworkInterface, NodeHardware } from '../../core/hardware.ts';
import type { NodeId } from '../../core/id.ts';
import type { NodeTelemetry, Telemetry } from '../../core/telemetry.ts';
import { values } from '../../core/view.ts';
import { bridgeLoops } from '../telemetry/cables.ts';

/** The part of `/state` that tells of the nodes' hardware; nodes that told nothing are in none of its records. */
export function hardwareView({ nodes, hardware = {} }: Telemetry): HardwareAnswer {
  const observed = values(nodes);
  const built = values(hardware);
  return {
    nodeDisk: byNode(observed, ({ disk }) =>
      disk === undefined
        ? undefined
        : {
            total: { inBytes: Math.round(disk.totalBytes) },
            available: { inBytes: Math.round(disk.availableBytes) },
          },
    ),
    nodeSystem: byNode(observed, systemView),
    nodeNetwork: byNode(built, ({ interfaces }) => ({ interfaces: interfaces.map(interfaceView) })),
    nodeThunderbolt: byNode(built, ({ thunderboltPorts }) => ({
      interfaces: thunderboltPorts.map(({ rdmaDevice, domainUuid, linkSpeed }) => ({
        rdmaInterface: rdmaDevice ?? null,
        domainUuid,
        linkSpeed: linkSpeed ?? null,
      })),
    })),
    nodeThunderboltBridge: byNode(built, ({ thunderboltBridge: bridge }) => ({
      enabled: bridge?.enabled ?? false,
      exists: bridge !== undefined,
      serviceName: bridge?.service ?? null,
    })),
    nodeRdmaCtl: byNode(built, ({ rdma: { status } }) =>
      status === 'Unknown' ? undefined : { enabled: status === 'Enabled' },
    ),
    nodeBackends: byNode(observed, ({ backends }) => backends && [...backends]),
    thunderboltBridgeCycles: bridgeLoops(hardware).map((loop) => [...loop]),
  };
}

/** What `/state` says of a computer beside its name. */
export function machineView(hardware: NodeHardware | undefined): MachineAnswer {
  if (hardware === undefined) return {};
  const { model, chip, osVersion, osBuild, runtime } = hardware.machine;
  return {
    ...(model !== undefined && { modelId: model }),
    ...(chip !== undefined && { chipId: chip }),
    ...(osVersion !== undefined && { osVersion }),
    ...(osBuild !== undefined && { osBuildVersion: osBuild }),
    runtime,
  };
}

function systemView({
  load,
  temperatureCelsius,
  battery,
  decodeBytesPerSecond,
}: NodeTelemetry): HardwareAnswer['nodeSystem'][NodeId] {
  return {
    ...(load && { loadAverage: load.average, cores: load.cores }),
    ...(temperatureCelsius !== undefined && { temp: temperatureCelsius }),
    ...(battery && { batteryPercent: battery.percent, onBattery: battery.onBattery }),
    ...(decodeBytesPerSecond !== undefined && { decodeBytesPerSecond }),
  };
}

function interfaceView({
  name,
  kind,
  addresses,
  mtu,
  bitsPerSecond,
  active,
}: NetworkInterface): HardwareAnswer['nodeNetwork'][NodeId]['interfaces'][number] {
  return {
    name,
    interfaceType: kind.toLowerCase() as Lowercase<typeof kind>,
    ipAddresses: [...addresses],
    ...(mtu !== undefined && { mtu }),
    ...(bitsPerSecond !== undefined && { linkBitsPerSecond: bitsPerSecond }),
    ...(active !== undefined && { active }),
  };
}

function byNode<Entry extends { readonly nodeId: NodeId }, View>(
  entries: readonly Entry[],
  view: (entry: Entry) => View | undefined,
): Record<NodeId, View> {
  const shown = entries.flatMap((entry): [NodeId, View][] => {
    const seen = view(entry);
    return seen === undefined ? [] : [[entry.nodeId, seen]];
  });
  return Object.fromEntries(shown);
}
