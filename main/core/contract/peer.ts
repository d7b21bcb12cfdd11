import { z } from 'zod';
import type { Report } from '../admit.ts';
import { Command } from '../command.ts';
import { Envelope, Outcome } from '../election/message.ts';
import { Event } from '../event.ts';
import { NodeHardware } from '../hardware.ts';
import { Holding } from '../holding.ts';
import { CommandId, type NodeId } from '../id.ts';
import { DownloadTelemetry, NodeTelemetry, RunnerTelemetry, TaskTelemetry } from '../telemetry.ts';
import { Link } from '../topology.ts';

/**
 * What nodes say to each other, as this release understands it. Everything is bounded: a member may be broken or lie.
 * Who connects, and which releases understand each other, is settled by the hello before.
 */

const index = z.int().min(0);

/** Drawn anew at each start of a node's process. */
const SessionId = z.string().min(1).max(128);

/** Reports of one parcel; who has more sends the rest in the next one. */
export const MOST_REPORTS = 256;

/** Tasks that one node tells the progress of; whoever has more clients tells of the oldest. */
export const MOST_TASKS = 128;

const reportTypes: Readonly<Record<Report['type'], true>> = {
  NodeStarted: true,
  RunnerStatusChanged: true,
  DownloadChanged: true,
  TaskStarted: true,
  TaskEnded: true,
};

const ReportSchema = Event.transform((event, context): Report => {
  if (Object.hasOwn(reportTypes, event.type)) return event as Report;
  context.addIssue({ code: 'custom', message: `${event.type} is nothing that a node reports` });
  return z.NEVER;
});

/**
 * What a node observes of itself and its connections, each second: to every connected peer directly, and to a master
 * without a direct connection as a parcel.
 */
export const Observation = z.strictObject({
  type: z.literal('Observation'),
  sessionId: SessionId,
  /** Index of the last event that it has applied. */
  applied: index,
  /** Absent = not measured yet. */
  node: NodeTelemetry.optional(),
  hardware: NodeHardware.optional(),
  runners: z.array(RunnerTelemetry).max(256).readonly(),
  downloads: z.array(DownloadTelemetry).max(256).readonly(),
  /** Of tasks whose clients are at the sender; absent = none. */
  tasks: z.array(TaskTelemetry).max(MOST_TASKS).readonly().optional(),
  /** From the sender to others. */
  links: z.array(z.object(Link.shape)).max(1_024).readonly(),
  holding: Holding,
});
export type Observation = z.infer<typeof Observation>;

/** The nodes' own words, carried over the routes of the election. At most once, in no order. */
export const Parcel = z.discriminatedUnion('type', [
  /** Asked at the sender; sent again until it is answered, its id makes that safe. */
  z.strictObject({ type: z.literal('Command'), command: Command }),
  /** The sender of the command may tell its caller once its own state has reached `index`. */
  z.strictObject({ type: z.literal('Reply'), commandId: CommandId, outcome: Outcome, index }),
  /** What the sender's state lacks of what is so on it [V3]. */
  z.strictObject({
    type: z.literal('Reports'),
    sessionId: SessionId,
    /** Rises within the session: what is overtaken is dropped. */
    sequence: z.int().min(1),
    reports: z.array(ReportSchema).min(1).max(MOST_REPORTS),
  }),
  /** Each report up to that number was ordered or dropped; the sender knows what came of it once it has that index. */
  z.strictObject({ type: z.literal('Taken'), sessionId: SessionId, sequence: z.int().min(1), index }),
  Observation,
]);
export type Parcel = z.infer<typeof Parcel>;

/** On the `control` channel: what the election, the log, commands and reports need, in its order. */
export const ControlMessage = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('Envelope'), envelope: Envelope }),
]);
export type ControlMessage = z.infer<typeof ControlMessage>;

/** Whose words a report may be: a node speaks of itself only. Null = the log knows, by the task. */
export function reporterOf(report: Report): NodeId | null {
  return 'nodeId' in report ? report.nodeId : null;
}
