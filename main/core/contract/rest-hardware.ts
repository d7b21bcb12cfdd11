import { z } from 'zod';
import { InterfaceKind } from '../hardware.ts';
import { NodeId } from '../id.ts';
import { Backend } from '../model-card.ts';

/** What `/state` shows of the nodes' hardware: the reference's names, one record per subject, by node. */

const Size = z.strictObject({ inBytes: z.int().min(0) });

export const InterfaceView = z.strictObject({
  name: z.string(),
  interfaceType: z.enum(InterfaceKind.options.map((kind) => kind.toLowerCase() as Lowercase<typeof kind>)),
  ipAddresses: z.array(z.string()),
  mtu: z.int().optional(),
  linkBitsPerSecond: z.number().optional(),
  /** Whether something is plugged in; absent = not known. */
  active: z.boolean().optional(),
});

export const hardwareViews = {
  nodeDisk: z.record(NodeId, z.strictObject({ total: Size, available: Size })),
  nodeSystem: z.record(
    NodeId,
    z.strictObject({
      /** Of the last minute, in processes, over all cores. */
      loadAverage: z.number().optional(),
      cores: z.int().optional(),
      /** Degrees Celsius. */
      temp: z.number().optional(),
      batteryPercent: z.number().optional(),
      onBattery: z.boolean().optional(),
      /** Bytes of weights read per second while decoding, as measured; absent = not yet. */
      decodeBytesPerSecond: z.number().optional(),
    }),
  ),
  nodeNetwork: z.record(NodeId, z.strictObject({ interfaces: z.array(InterfaceView) })),
  nodeThunderbolt: z.record(
    NodeId,
    z.strictObject({
      interfaces: z.array(
        z.strictObject({
          rdmaInterface: z.string().nullable(),
          domainUuid: z.string(),
          linkSpeed: z.string().nullable(),
        }),
      ),
    }),
  ),
  nodeThunderboltBridge: z.record(
    NodeId,
    z.strictObject({ enabled: z.boolean(), exists: z.boolean(), serviceName: z.string().nullable() }),
  ),
  /** Only nodes whose system can tell. */
  nodeRdmaCtl: z.record(NodeId, z.strictObject({ enabled: z.boolean() })),
  nodeBackends: z.record(NodeId, z.array(Backend)),
  /** Rings of nodes whose Thunderbolt Bridge is on: such a ring takes the network down. */
  thunderboltBridgeCycles: z.array(z.array(NodeId)),
} as const;

/** Absent = not known. */
export const machineViews = {
  modelId: z.string().optional(),
  chipId: z.string().optional(),
  osVersion: z.string().optional(),
  osBuildVersion: z.string().optional(),
  runtime: z.string().optional(),
} as const;

export type HardwareAnswer = z.infer<z.ZodObject<typeof hardwareViews>>;
export type MachineAnswer = z.infer<z.ZodObject<typeof machineViews>>;
