import type { Command } from '../command.ts';
import type { Outcome } from '../election/message.ts';
import type { Event } from '../event.ts';
import type { RunnerStatus } from '../instance.ts';
import { unreachable } from '../result.ts';
import type { SimulationReport } from './simulate.ts';
import type { Step } from './step.ts';
import type { TraceEntry } from './trace.ts';

/** The whole answer for people: what happened line by line, how it ended, what did not hold. */
export function describeSimulation(report: SimulationReport): string {
  const { trace, nodes, metaInstances, violations, simulatedMs, restChecked } = report;
  const lines = [
    ...trace.map(describeEntry),
    '',
    `After ${simulatedMs / 1_000} s (seed ${report.seed})`,
    ...nodes.map(({ name, role, lastIndex, runners }) => {
      const held = runners.map(({ runnerId, status }) => `${runnerId} ${status}`).join(', ') || 'no runner';
      return `  ${name}: ${role}, log to ${lastIndex}, ${held}`;
    }),
    ...metaInstances.map(({ name, phase, consecutiveFailures, lastFailure }) => {
      const failure = lastFailure === null ? '' : `, last failure: ${lastFailure}`;
      return `  ${name}: ${phase}, failures ${consecutiveFailures}${failure}`;
    }),
    ...(restChecked
      ? []
      : ['It ended too soon after the last step to judge whether everything came to rest.']),
    violations.length === 0 ? 'Everything that must hold held.' : `${violations.length} rules did not hold:`,
    ...violations.map(({ atMs, rule, message }) => `  ${seconds(atMs)}  ${rule}: ${message}`),
  ];
  return `${lines.join('\n')}\n`;
}

const seconds = (ms: number): string => (ms / 1_000).toFixed(3).padStart(9);

/** One line of the transcript. */
function describeEntry(entry: TraceEntry): string {
  const [who, text] = describeParts(entry);
  return `${seconds(entry.atMs)}  ${who.padEnd(6)} ${text}`.trimEnd();
}

/** Who, as a friendly name or a mark (`>` a step, `#n` an event), and what. */
export function describeParts(entry: TraceEntry): readonly [string, string] {
  switch (entry.type) {
    case 'step':
      return [
        '>',
        `${describeStep(entry.step)}${entry.note === undefined ? '' : ` (no effect: ${entry.note})`}`,
      ];
    case 'command':
      return [entry.node, `is asked ${describeCommand(entry.command)}`];
    case 'reply':
      return [entry.node, `answers ${entry.commandId}: ${describeOutcome(entry.outcome)}`];
    case 'unanswered':
      return [entry.node, `gives no answer to ${entry.commandId}: ${entry.why}`];
    case 'event':
      return [`#${entry.index}`, describeEvent(entry.event)];
    case 'role':
      return [entry.node, describeRole(entry)];
    case 'cut':
      return [entry.node, `cuts its log back to ${entry.after}, tail ${entry.tailId}`];
    case 'install':
      return [entry.node, `installs the snapshot at ${entry.index}`];
    case 'settled':
      return [entry.node, `learns of ${entry.commandId} in its tail: ${describeOutcome(entry.outcome)}`];
    case 'action':
      return [entry.node, `${entry.action} ${entry.of}`];
    case 'runner':
      return [entry.node, `${entry.runnerId} is ${describeStatus(entry.status)}`];
    case 'node':
      return [entry.node, entry.text];
    case 'violation':
      return ['!', `${entry.rule}: ${entry.message}`];
    default:
      return unreachable(entry);
  }
}

function describeStep({ at: _, do: verb, ...fields }: Step): string {
  const shown = Object.entries(fields).map(([name, value]) => {
    return `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`;
  });
  return [verb, ...shown].join(' ');
}

function describeRole({ role, epoch }: Extract<TraceEntry, { type: 'role' }>): string {
  if (epoch === undefined) return 'has no master';
  return role === 'Master' ? `leads term ${epoch.term}` : `follows ${epoch.masterId} in term ${epoch.term}`;
}

function describeCommand(command: Command): string {
  const named =
    'metaInstanceId' in command ? command.metaInstanceId : 'nodeId' in command ? command.nodeId : undefined;
  const what = named === undefined ? '' : ` ${named}`;
  return `${command.type}${what} (${command.commandId})`;
}

const describeOutcome = (outcome: Outcome): string =>
  outcome.type === 'Accepted' ? 'accepted' : `refused ${outcome.code}: ${outcome.message}`;

const describeStatus = (status: RunnerStatus): string =>
  status.type === 'Failed' ? `Failed while ${status.failure.phase}: ${status.failure.message}` : status.type;

/** What happened, in one line. */
function describeEvent(event: Event): string {
  const { type } = event;
  switch (type) {
    case 'NodeStarted':
      return `${type} ${event.name}, session ${event.sessionId}`;
    case 'NodeLost':
      return `${type} ${event.nodeId} ${event.reason}: ${event.message}`;
    case 'NodeReturned':
    case 'NodeRemoved':
    case 'NodeReadmitted':
      return `${type} ${event.nodeId}`;
    case 'PlacementFailed':
      return `${type} ${event.metaInstanceId} ${event.reason}: ${event.message}`;
    case 'InstanceCreated':
    case 'InstanceAdopted': {
      const { instanceId, assignments, sharding, interconnect } = event.instance;
      const shards = assignments.map(
        ({ nodeId, firstLayer, lastLayer }) => `${nodeId} ${firstLayer}-${lastLayer}`,
      );
      return `${type} ${instanceId}, ${sharding}, ${interconnect}: ${shards.join(', ')}`;
    }
    case 'InstanceRestarted':
      return `${type} ${event.instanceId}: ${event.message}`;
    case 'InstanceRetryScheduled':
      return `${type} ${event.instanceId} after ${event.failure}`;
    case 'InstanceDeleted':
      return `${type} ${event.instanceId} ${event.reason}: ${event.message}`;
    case 'RunnerStatusChanged':
      return `${event.runnerId} ${describeStatus(event.status)}`;
    case 'DownloadChanged': {
      const { download } = event;
      const failure = download.type === 'Failed' ? `: ${download.message}` : '';
      return `${type} ${event.nodeId} ${event.modelId} ${download.type}${failure}`;
    }
    case 'TaskEnded':
      return `${type} ${event.taskId} ${event.end.type}`;
    case 'CommandSettled':
      return `${type} ${event.commandId} ${event.refusal?.code ?? 'accepted'}`;
    default:
      return `${type} ${nameIn(event)}`;
  }
}

function nameIn(event: Event): string {
  if ('taskId' in event) return event.taskId;
  if ('instanceId' in event) return event.instanceId;
  return ('metaInstanceId' in event ? event.metaInstanceId : null) ?? '';
}
