import { expect, it } from 'vitest';
import type { Observation } from '../../../main/core/contract/peer.ts';
import type { NodeHardware } from '../../../main/core/hardware.ts';
import { NodeId } from '../../../main/core/id.ts';
import { emptyState } from '../../../main/core/state.ts';
import { Observer, type ObserverComponents, type ObserverInit } from '../../../main/node/replica/observer.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const [here, there] = [NodeId.parse('node-here'), NodeId.parse('node-there')];

const hardwareOf = (chip: string): NodeHardware => ({
  nodeId: here,
  machine: { chip, cores: 8, runtime: 'Node 24' },
  interfaces: [],
  thunderboltPorts: [],
  rdma: { status: 'Unknown', devices: [] },
  at: 0,
});

it('tells each second what moves, and what the computer is made of when it changes, every half minute, and to who comes', async () => {
  const clock = new FakeClock();
  const sent: Observation[] = [];
  const network = {
    peers: [{ nodeId: there }],
    send: (_to: NodeId, _channel: string, message: object) => sent.push(message as Observation) > 0,
  } as unknown as ObserverComponents['network'];
  let hardware = hardwareOf('M4');
  const observer = new Observer({ clock, network }, {
    nodeId: here,
    sessionId: 'session-1',
    observe: () => ({
      hardware,
      runners: [],
      downloads: [],
      links: [],
      holding: { nodeId: here, joining: false, runners: [] },
    }),
    state: () => emptyState,
    replica: () => ({ routes: new Map(), peers: new Map() }),
    master: () => null,
    carry: () => undefined,
    onObserved: () => undefined,
  } as unknown as ObserverInit);
  observer.start();
  await clock.advance(29_000);
  expect(sent).toHaveLength(30);
  expect(sent.filter((each) => each.hardware !== undefined)).toHaveLength(1);
  await clock.advance(1_000);
  expect(sent.at(-1)?.hardware).toEqual(hardware);
  hardware = hardwareOf('M5');
  await clock.advance(2_000);
  expect(sent.slice(-2).map((each) => each.hardware?.machine.chip)).toEqual(['M5', undefined]);
  observer.tell(there);
  expect(sent.at(-1)?.hardware).toEqual(hardware);
  expect(observer.telemetry(0).hardware?.[here]).toEqual(hardware);
  observer.stop();
  expect(clock.waiting).toBe(0);
});
