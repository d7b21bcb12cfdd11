import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { expect } from 'vitest';
import type { Command, Refusal } from '../../main/core/command.ts';
import type { Event, IndexedEvent } from '../../main/core/event.ts';
import type { InstanceId, MetaInstanceId, ModelId, TaskId } from '../../main/core/id.ts';
import type { RunnerStatus } from '../../main/core/instance.ts';
import type { MetaInstanceSpec, SpecChanges } from '../../main/core/meta-instance.ts';
import { phaseLabel } from '../../main/core/phase.ts';
import { unreachable, type Result } from '../../main/core/result.ts';
import type { ClusterState, Download } from '../../main/core/state.ts';
import type { WorkerAction } from '../../main/core/worker/plan.ts';
import { card, spec } from './builders.ts';
import { Cluster, type ClusterInit } from './cluster-scenario.ts';

/**
 * Runs a scenario and writes what happened, line by line: what people ask (`>`), events (`#index`), phases (`=`) and
 * what workers do (by node).
 */
export class Transcript {
  readonly cluster: Cluster;
  readonly #lines: string[] = [];
  readonly #phases = new Map<string, string>();
  readonly #startedAt: number;

  constructor(init: ClusterInit = {}) {
    this.cluster = new Cluster({
      ...init,
      onEvent: (entry, state) => this.#event(entry, state),
      onAction: (node, action) => this.#line(node, describeAction(action)),
    });
    this.#startedAt = this.cluster.agenda.now;
  }

  get text(): string {
    return `${this.#lines.join('\n')}\n`;
  }

  /** A line of explanation, for the reader. */
  note(text: string): void {
    this.#lines.push('', `-- ${text}`);
  }

  join(name: string, memoryBytes?: number): void {
    this.#line('>', `${name} joins`);
    this.cluster.join(name, memoryBytes);
    this.cluster.run(5);
  }

  create(
    name: string,
    model: { readonly bytes?: number; readonly modelId?: string } = {},
    asked: Partial<MetaInstanceSpec> = {},
  ): void {
    const modelId = (model.modelId ?? 'Tiny') as ModelId;
    const ofCard = card({ modelId, ...(model.bytes !== undefined && { weightBytes: model.bytes }) });
    this.#submit({
      type: 'CreateMetaInstance',
      commandId: this.cluster.newCommandId(),
      metaInstanceId: name as MetaInstanceId,
      spec: spec({ ...asked, modelId }),
      card: ofCard,
    });
  }

  retry(name: string): void {
    const commandId = this.cluster.newCommandId();
    this.#submit({ type: 'RetryMetaInstance', commandId, metaInstanceId: name as MetaInstanceId });
  }

  remove(name: string): void {
    const commandId = this.cluster.newCommandId();
    this.#submit({ type: 'DeleteMetaInstance', commandId, metaInstanceId: name as MetaInstanceId });
  }

  /** @param bytes weights of the model it changes to */
  update(name: string, changes: SpecChanges, bytes?: number): void {
    const { modelId } = changes;
    const brought = card({ ...(modelId && { modelId }), ...(bytes !== undefined && { weightBytes: bytes }) });
    this.#submit({
      type: 'UpdateMetaInstance',
      commandId: this.cluster.newCommandId(),
      metaInstanceId: name as MetaInstanceId,
      changes,
      ...(modelId && { card: brought }),
    });
  }

  /** An Instance of its own, without a MetaInstance. */
  place(model: { readonly bytes?: number; readonly modelId?: string } = {}): void {
    const modelId = (model.modelId ?? 'Tiny') as ModelId;
    this.#submit({
      type: 'PlaceInstance',
      commandId: this.cluster.newCommandId(),
      spec: spec({ modelId }),
      card: card({ modelId, ...(model.bytes !== undefined && { weightBytes: model.bytes }) }),
    });
  }

  removeInstance(instanceId: string): void {
    const commandId = this.cluster.newCommandId();
    this.#submit({ type: 'DeleteInstance', commandId, instanceId: instanceId as InstanceId });
  }

  cancel(taskId: string): void {
    this.#submit({ type: 'CancelTask', commandId: this.cluster.newCommandId(), taskId: taskId as TaskId });
  }

  load(name: string): void {
    const commandId = this.cluster.newCommandId();
    this.#submit({ type: 'LoadMetaInstance', commandId, metaInstanceId: name as MetaInstanceId });
  }

  pause(name: string): void {
    const commandId = this.cluster.newCommandId();
    this.#submit({ type: 'PauseMetaInstance', commandId, metaInstanceId: name as MetaInstanceId });
  }

  resume(name: string): void {
    const commandId = this.cluster.newCommandId();
    this.#submit({ type: 'ResumeMetaInstance', commandId, metaInstanceId: name as MetaInstanceId });
  }

  kill(name: string, how: { readonly silent?: boolean } = {}): void {
    this.#line('>', `${name} is killed${how.silent === true ? ', and no connection closes' : ''}`);
    this.cluster.kill(name, how);
  }

  start(name: string): void {
    this.#line('>', `${name} starts again`);
    this.cluster.start(name);
  }

  /** The node's process is killed and starts again after `downMs`. */
  restart(name: string, downMs: number): void {
    this.#line('>', `${name} is killed`);
    this.cluster.kill(name);
    this.cluster.run(downMs);
    this.#line('>', `${name} starts again`);
    this.cluster.start(name);
  }

  run(forMs: number): void {
    this.cluster.run(forMs);
  }

  /** All that a person sees of it. */
  show(name: string): void {
    const metaInstance = this.cluster.state.metaInstances[name as MetaInstanceId];
    if (metaInstance === undefined) return this.#line('?', `${name} is not there`);
    const { conditions, consecutiveFailures, lastFailure } = metaInstance.status;
    this.#line(
      '?',
      `${name}: ${phaseLabel(this.cluster.state, metaInstance)}, failures ${consecutiveFailures}`,
    );
    for (const [type, { status, reason, message }] of Object.entries(conditions)) {
      this.#line('', `  ${type} ${status} ${reason}: ${message}`);
    }
    if (lastFailure !== null)
      this.#line('', `  last failure, attempt ${lastFailure.attempt}: ${lastFailure.message}`);
  }

  /** What is left in the state. */
  showAll(): void {
    const { metaInstances, instances, runners, tasks, downloads } = this.cluster.state;
    const names = (record: object): string => Object.keys(record).join(', ') || 'none';
    this.#line(
      '?',
      `MetaInstances: ${names(metaInstances)}; Instances: ${names(instances)}; runners: ${names(runners)}; tasks: ${names(tasks)}`,
    );
    for (const [node, byModel] of Object.entries(downloads)) {
      const files = Object.entries(byModel).map(([model, { type }]) => `${model} ${type}`);
      if (files.length > 0) this.#line('', `  ${node}: ${files.join(', ')}`);
    }
  }

  #submit(command: Command): void {
    this.#line('>', describeCommand(command));
    const decided: Result<readonly Event[], Refusal> = this.cluster.submit(command);
    if (!decided.ok) this.#line('', `  refused ${decided.error.code}: ${decided.error.message}`);
    else if (decided.value.length === 0) this.#line('', '  accepted, nothing new');
  }

  #event({ index, event }: IndexedEvent, state: ClusterState): void {
    this.#line(`#${index}`, describeEvent(event));
    for (const metaInstance of Object.values(state.metaInstances)) {
      const phase = phaseLabel(state, metaInstance);
      if (this.#phases.get(metaInstance.metaInstanceId) === phase) continue;
      this.#phases.set(metaInstance.metaInstanceId, phase);
      this.#line('=', `${metaInstance.metaInstanceId} ${phase}`);
    }
    for (const id of this.#phases.keys()) if (!(id in state.metaInstances)) this.#phases.delete(id);
  }

  #line(who: string, text: string): void {
    const seconds = ((this.cluster.agenda.now - this.#startedAt) / 1_000).toFixed(3).padStart(8);
    this.#lines.push(`${seconds}  ${who.padEnd(4)} ${text}`.trimEnd());
  }
}

/** Compares with the committed transcript; `REWRITE=1` writes it instead, to be reviewed as a diff. */
export function expectTranscript(file: string, text: string): void {
  if (process.env['REWRITE'] === '1') writeFileSync(file, text);
  const golden = existsSync(file) ? readFileSync(file, 'utf8') : '';
  expect(text).toBe(golden);
}

function describeCommand(command: Command): string {
  switch (command.type) {
    case 'CreateMetaInstance':
      return `create ${command.metaInstanceId} of ${command.card.modelId}`;
    case 'RetryMetaInstance':
      return `retry ${command.metaInstanceId}`;
    case 'UpdateMetaInstance':
      return `update ${command.metaInstanceId} ${JSON.stringify(command.changes)}`;
    case 'LoadMetaInstance':
      return `load ${command.metaInstanceId}`;
    case 'PauseMetaInstance':
      return `pause ${command.metaInstanceId}`;
    case 'ResumeMetaInstance':
      return `resume ${command.metaInstanceId}`;
    case 'PlaceInstance':
      return `place an Instance of ${command.card.modelId}`;
    case 'CreateInstance':
      return `create Instance ${command.instance.instanceId}`;
    case 'DeleteInstance':
      return `delete Instance ${command.instanceId}`;
    case 'CancelTask':
      return `cancel ${command.taskId}`;
    case 'RemoveNode':
      return `remove ${command.nodeId}`;
    case 'ReadmitNode':
      return `let ${command.nodeId} in again`;
    case 'DeleteMetaInstance':
      return `delete ${command.metaInstanceId}`;
    default:
      return unreachable(command);
  }
}

function describeEvent(event: Event): string {
  const { type } = event;
  switch (type) {
    case 'NodeStarted':
      return `${type} ${event.name}, session ${event.sessionId}`;
    case 'NodeLost':
      return `${type} ${event.nodeId} ${event.reason}`;
    case 'NodeReturned':
    case 'NodeRemoved':
    case 'NodeReadmitted':
      return `${type} ${event.nodeId}`;
    case 'MetaInstanceCreated':
    case 'MetaInstanceUpdated':
    case 'MetaInstanceRequested':
    case 'MetaInstanceRetried':
    case 'MetaInstanceDeleting':
    case 'MetaInstanceDeleted':
      return `${type} ${event.metaInstanceId}`;
    case 'PlacementFailed':
      return `${type} ${event.metaInstanceId} ${event.reason}: ${event.message}`;
    case 'InstanceCreated':
    case 'InstanceAdopted': {
      const { instanceId, assignments } = event.instance;
      return `${type} ${instanceId} on ${assignments.map(({ nodeId }) => nodeId).join(', ')}`;
    }
    case 'InstanceRetryScheduled':
      return `${type} ${event.instanceId} after ${event.failure}`;
    case 'InstanceRestarted':
      return `${type} ${event.instanceId}: ${event.message}`;
    case 'InstanceRetrying':
    case 'InstanceSettled':
      return `${type} ${event.instanceId}`;
    case 'InstanceDeleted':
      return `${type} ${event.instanceId} ${event.reason}: ${event.message}`;
    case 'RunnerStatusChanged':
      return `${event.runnerId} ${describeStatus(event.status)}`;
    case 'DownloadChanged':
      return `${type} ${event.nodeId} ${event.modelId} ${describeDownload(event.download)}`;
    case 'TaskStarted':
    case 'TaskCancelling':
    case 'TaskEnded':
      return `${type} ${event.taskId}`;
    case 'CommandSettled':
      return `${type} ${event.commandId} ${event.refusal?.code ?? 'accepted'}`;
    default:
      return unreachable(event);
  }
}

const describeStatus = (status: RunnerStatus): string =>
  status.type === 'Failed' ? `Failed while ${status.failure.phase}: ${status.failure.message}` : status.type;

const describeDownload = (download: Download): string =>
  download.type === 'Failed' ? `Failed: ${download.message}` : download.type;

function describeAction(action: WorkerAction): string {
  switch (action.type) {
    case 'ParkRunner':
    case 'EndParkedRunner':
    case 'ShutDownRunner':
      return `${action.type} ${action.runnerId} because ${action.reason}`;
    case 'ReportEnd':
      return `${action.type} ${action.runnerId} as ${action.status.type}`;
    case 'CancelDownload':
      return `${action.type} ${action.modelId}`;
    case 'StartDownload':
      return `${action.type} ${action.card.modelId}`;
    case 'StartRunner':
    case 'ConnectRunner':
    case 'LoadRunner':
    case 'WarmUpRunner':
      return `${action.type} ${action.runnerId}`;
    default:
      return unreachable(action);
  }
}
