import type { NodeHardware } from '../../core/hardware.ts';
import type { NodeId } from '../../core/id.ts';
import { distinctNames, values } from '../../core/view.ts';
import type { Finding } from './finding.ts';
import type { ClusterSnapshot } from './snapshot.ts';

/** What stands in the way of Thunderbolt and RDMA between these computers, as each of them told what it is made of. */
export function ofHardware({ state, telemetry }: ClusterSnapshot): readonly Finding[] {
  const names = distinctNames(state);
  const machines = values(telemetry.hardware ?? {});
  const cabled = machines.filter((machine) => joinedTo(machine, machines).length > 0);
  const nameOf = ({ nodeId }: Pick<NodeHardware, 'nodeId'>): string => names[nodeId] ?? nodeId;
  return [...ofRdma(cabled, nameOf), ...ofBuilds(cabled, nameOf), ...ofBridges(cabled, nameOf)];
}

type NameOf = (machine: Pick<NodeHardware, 'nodeId'>) => string;

/** The others at the far ends of its Thunderbolt cables. */
function joinedTo(machine: NodeHardware, machines: readonly NodeHardware[]): readonly NodeId[] {
  const far = new Set(machine.thunderboltPorts.flatMap(({ peerDomainUuids }) => peerDomainUuids));
  return machines
    .filter((other) => other.nodeId !== machine.nodeId)
    .filter(({ thunderboltPorts }) => thunderboltPorts.some(({ domainUuid }) => far.has(domainUuid)))
    .map(({ nodeId }) => nodeId);
}

function ofRdma(cabled: readonly NodeHardware[], nameOf: NameOf): readonly Finding[] {
  return cabled
    .filter(({ rdma }) => rdma.status === 'Disabled')
    .map((machine) => ({
      kind: 'Rdma',
      what: 'RDMA over Thunderbolt is off, so models can only use the slower TCP on this cable.',
      where: nameOf(machine),
      advice:
        'Start that Mac in Recovery (hold the power button), open Terminal, run `rdma_ctl enable` and restart. It needs macOS 26.2 and Thunderbolt 5.',
    }));
}

function ofBuilds(cabled: readonly NodeHardware[], nameOf: NameOf): readonly Finding[] {
  const withRdma = cabled.filter(({ rdma }) => rdma.status === 'Enabled');
  const builds = new Set(withRdma.flatMap(({ machine }) => machine.osBuild ?? []));
  if (builds.size < 2) return [];
  return [
    {
      kind: 'System',
      what: `They run different builds of macOS (${[...builds].toSorted().join(', ')}); RDMA between them may fail.`,
      where: withRdma.map(nameOf).join(' – '),
      advice: 'Bring all of them to the same version of macOS.',
    },
  ];
}

/** Three or more bridged Macs in a ring of cables send each frame round for ever. */
const LOOP = 3;

function ofBridges(cabled: readonly NodeHardware[], nameOf: NameOf): readonly Finding[] {
  const bridged = cabled.filter(({ thunderboltBridge }) => thunderboltBridge?.enabled === true);
  const rings = bridged.filter((machine) => joinedTo(machine, bridged).length >= 2);
  if (rings.length < LOOP) return [];
  return [
    {
      kind: 'Bridge',
      what: 'Their Thunderbolt Bridges are on and their cables form a ring: the network between them may loop and stall.',
      where: rings.map(nameOf).join(' – '),
      advice:
        'In System Settings, Network, make the service "Thunderbolt Bridge" inactive on each of them, or take out one cable.',
    },
  ];
}
