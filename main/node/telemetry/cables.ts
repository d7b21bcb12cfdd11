import type { NodeHardware, ThunderboltPort } from '../../core/hardware.ts';
import type { NodeId } from '../../core/id.ts';
import type { Link } from '../../core/topology.ts';
import { values } from '../../core/view.ts';
import { thunderboltSpeed } from '../hardware/mac-thunderbolt.ts';

/** A Thunderbolt cable between two nodes, seen from one end; each cable is there twice. */
export interface Cable {
  readonly from: NodeId;
  readonly to: NodeId;
  readonly fromPort: ThunderboltPort;
  readonly toPort: ThunderboltPort;
}

type Hardware = Readonly<Record<NodeId, NodeHardware>>;

/** Joins what each end says of the other's controller. Only what both ends say counts. */
export function cablesBetween(hardware: Hardware): readonly Cable[] {
  const ends = values(hardware).flatMap(({ nodeId, thunderboltPorts }) =>
    thunderboltPorts.map((port) => ({ nodeId, port })),
  );
  return ends.flatMap((one) =>
    ends
      .filter(
        (other) =>
          other.nodeId !== one.nodeId &&
          one.port.peerDomainUuids.includes(other.port.domainUuid) &&
          other.port.peerDomainUuids.includes(one.port.domainUuid),
      )
      .map((other) => ({
        from: one.nodeId,
        to: other.nodeId,
        fromPort: one.port,
        toPort: other.port,
      })),
  );
}

/**
 * Adds RDMA to links: the device of `from` on a cable to `to`, where both ends have RDMA enabled and list the device.
 * It is told with the Thunderbolt link over that cable; where the nodes talk over another network, as a link of its own
 * without an address. Nodes that have no link at all stay without: nothing could set RDMA up between them.
 */
export function withRdma(links: readonly Link[], hardware: Hardware): readonly Link[] {
  const result = [...links];
  const done = new Set<string>();
  for (const { from, to, fromPort, toPort } of cablesBetween(hardware)) {
    const pair = `${from} ${to}`;
    const device = usableDevice(hardware[from], fromPort);
    if (device === undefined || usableDevice(hardware[to], toPort) === undefined || done.has(pair)) continue;
    const between = result.filter((link) => link.from === from && link.to === to);
    if (between.length === 0) continue;
    done.add(pair);
    const over = between.find((link) => link.kind === 'Thunderbolt');
    if (over !== undefined) result[result.indexOf(over)] = { ...over, rdmaDevice: device };
    else {
      const bits = thunderboltSpeed(fromPort.linkSpeed);
      result.push({
        from,
        to,
        kind: 'Thunderbolt',
        ...(bits !== undefined && { bytesPerSecond: bits / 8 }),
        rdmaDevice: device,
      });
    }
  }
  return result;
}

function usableDevice(node: NodeHardware | undefined, { rdmaDevice }: ThunderboltPort): string | undefined {
  if (node?.rdma.status !== 'Enabled' || rdmaDevice === undefined) return undefined;
  return node.rdma.devices.includes(rdmaDevice) ? rdmaDevice : undefined;
}

/**
 * Rings of cables among nodes whose Thunderbolt Bridge is on: there, one broadcast runs round for ever and takes the
 * network down. Each as its nodes in the order of their ids; two nodes when two cables join them.
 */
export function bridgeLoops(hardware: Hardware): readonly (readonly NodeId[])[] {
  const bridged = (nodeId: NodeId): boolean => hardware[nodeId]?.thunderboltBridge?.enabled === true;
  const cables = cablesBetween(hardware).filter(({ from, to }) => from < to && bridged(from) && bridged(to));
  // A cable lies on a ring when its ends stay joined without it.
  const onRing = cables.filter((cable) => {
    const others = cables.filter((each) => each !== cable);
    return reachedFrom(cable.from, others).has(cable.to);
  });
  const loops: NodeId[][] = [];
  const seen = new Set<NodeId>();
  for (const { from } of onRing) {
    if (seen.has(from)) continue;
    const loop = [...reachedFrom(from, onRing)].sort();
    for (const nodeId of loop) seen.add(nodeId);
    loops.push(loop);
  }
  return loops;
}

function reachedFrom(start: NodeId, cables: readonly Cable[]): ReadonlySet<NodeId> {
  const reached = new Set([start]);
  for (const nodeId of reached) {
    for (const { from, to } of cables) {
      if (from === nodeId) reached.add(to);
      if (to === nodeId) reached.add(from);
    }
  }
  return reached;
}
