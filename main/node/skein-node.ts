import { randomUUID } from 'node:crypto';
import { hostname, totalmem } from 'node:os';
import { join } from 'node:path';
import type { IndexedEvent } from '../core/event.ts';
import { CommandId, TaskId, type NodeId } from '../core/id.ts';
import type { ModelCard } from '../core/model-card.ts';
import { defaultPolicy, type Policy } from '../core/policy.ts';
import type { ClusterState } from '../core/state.ts';
import type { Telemetry } from '../core/telemetry.ts';
import type { NodeApi } from './api.ts';
import { systemClock } from './clock.ts';
import type { Config } from './config.ts';
import { DataFolder } from './data-folder.ts';
import { runCommand } from './hardware/command.ts';
import { friendlyName } from './hardware/friendly-name.ts';
import { loadIdentity } from './identity.ts';
import { startAll, stopAll, type Startable } from './lifecycle.ts';
import type { Log } from './log.ts';
import { Master } from './master/master.ts';
import { Reconcilers } from './master/reconcilers.ts';
import { readCatalog } from './model/catalog.ts';
import { ModelStore } from './model/model-store.ts';
import { ChildProcessHost } from './runner/child-process-host.ts';
import type { RunnerTimings } from './runner/defaults.ts';
import { reapOrphans } from './runner/orphans.ts';
import { createServer } from './server/server.ts';
import { EventLog } from './store/event-log.ts';
import { withRdma } from './telemetry/cables.ts';
import { DecodeSpeed } from './telemetry/decode-speed.ts';
import { LinkTable } from './telemetry/link-table.ts';
import { platformFacts, systemReaders } from './telemetry/readers.ts';
import { TelemetrySampler } from './telemetry/telemetry-sampler.ts';
import { LoadOnRequest } from './worker/load-on-request.ts';
import { Tasks } from './worker/tasks.ts';
import { Worker } from './worker/worker.ts';

export interface SkeinNodeInit {
  readonly config: Config;
  readonly version: string;
  /** Entry script of a runner process. */
  readonly runnerEntry: string;
  /** Model cards that Skein brings. */
  readonly cardFolder: string;
  /** Called once when the node can't go on: its log refuses to be written. */
  readonly onBroken: (problem: Error) => void;
  readonly policy?: Partial<Policy>;
  readonly timings?: Partial<RunnerTimings>;
}

/** A node: everything one computer runs of Skein, without a window. */
export interface SkeinNode extends Startable {
  readonly api: NodeApi;
  /** `http://127.0.0.1:PORT` while it serves. */
  readonly address: string | null;
  /** True when no command ever took effect in the data folder: nothing was ever created or deleted in it. */
  readonly isNew: boolean;
}

/**
 * Builds a node from its data folder; the only place that constructs. Nothing runs before `start`.
 * @throws DataFolderError, IdentityError or StoreError with a message for people
 */
export function createSkeinNode({ log }: { readonly log: Log }, init: SkeinNodeInit): SkeinNode {
  const folder = DataFolder.open(init.config.dataDir);
  try {
    return assemble(folder, log, init);
  } catch (error) {
    folder.close();
    throw error;
  }
}

function assemble(folder: DataFolder, log: Log, init: SkeinNodeInit): SkeinNode {
  const clock = systemClock;
  const random = Math.random;
  const sessionId = randomUUID();
  const startedAt = clock.now();
  const { config } = init;
  const { nodeId } = loadIdentity({ log }, { path: folder.identityPath });
  const catalog = readCatalog([init.cardFolder, folder.modelsPath]);
  const opened = EventLog.open({ clock, log }, { path: folder.eventsPath, self: nodeId });
  for (const notice of [...catalog.warnings, ...opened.notices]) log.warn(notice);

  const policy = { ...defaultPolicy, ...init.policy };
  const master = new Master(
    { log: opened.log, clock },
    {
      state: opened.state,
      observe: () => ({ telemetry: telemetry(), policy }),
      onBroken: init.onBroken,
    },
  );
  const models = new ModelStore(
    { clock, log },
    { folder: folder.modelsPath, readOnlyFolders: config.modelDirs },
  );
  const pidFolder = join(folder.path, 'runners');
  const host = new ChildProcessHost({ clock }, { entry: init.runnerEntry, pidFolder });
  const speed = new DecodeSpeed({ log }, { path: folder.speedPath, engine: init.version });
  const sampler = new TelemetrySampler(
    { clock, log, readers: systemReaders(clock, folder.path) },
    { nodeId, ...platformFacts(process.platform), decodeBytesPerSecond: () => speed.bytesPerSecond },
  );
  const worker = new Worker(
    { host, models, clock, log, random, speed },
    {
      nodeId,
      sessionId,
      limits: config.limits,
      state: () => master.state,
      report: (report) => master.report(report),
      ...(init.timings && { timings: init.timings }),
    },
  );
  const links = new LinkTable(
    { clock, log },
    {
      self: nodeId,
      // No other node is connected yet.
      connections: () => [],
      interfaces: () => sampler.hardware()?.interfaces ?? [],
      idle: () => worker.telemetry.runners.every(({ activeTasks }) => activeTasks === 0),
    },
  );
  const telemetry = (): Telemetry => observe({ nodeId, since: startedAt, sampler, links, worker });
  const reconcilers = new Reconcilers({ master, clock, log, random }, { telemetry, policy });
  const newCommandId = (): CommandId => CommandId.parse(randomUUID());
  const loads = new LoadOnRequest(
    { clock, newCommandId, submit: (command) => master.submit(command) },
    { state: () => master.state },
  );
  const tasks = new Tasks(
    { leaderOf: (instance) => worker.leaderOf(instance), newTaskId: () => TaskId.parse(randomUUID()), loads },
    { nodeId, state: () => master.state, report: (report) => master.report(report) },
  );
  const api = createApi({
    nodeId,
    version: init.version,
    policy,
    master,
    log: opened.log,
    tasks,
    telemetry,
    models: catalog.cards,
  });
  const server = createServer({ api, log, clock, random }, { port: config.port });

  const disk: Startable = {
    start: async () => undefined,
    stop: async () => {
      await opened.log.close();
      folder.close();
    },
  };
  const presence: Startable = {
    async start() {
      await reapOrphans({ clock, log }, pidFolder);
      await master.report({
        type: 'NodeStarted',
        nodeId,
        name: config.name ?? (await friendlyName({ platform: process.platform, hostname, run: runCommand })),
        version: init.version,
        sessionId,
        memoryBytes: sampler.current()?.totalBytes ?? totalmem(),
      });
      master.watch((entry) => {
        worker.onEntry(entry);
        tasks.onEntry(entry);
      });
    },
    stop: async () => undefined,
  };
  const parts = [disk, sampler, links, presence, worker, reconcilers, server];
  return {
    api,
    isNew: opened.state.commands.length === 0 && opened.notices.length === 0,
    get address() {
      return server.address;
    },
    start: () => startAll(parts),
    stop: () => stopAll(parts),
  };
}

function observe(parts: {
  readonly nodeId: NodeId;
  readonly since: number;
  readonly sampler: TelemetrySampler;
  readonly links: LinkTable;
  readonly worker: Worker;
}): Telemetry {
  const { nodeId, since, sampler, links, worker } = parts;
  const { runners, downloads } = worker.telemetry;
  const node = sampler.current();
  const own = sampler.hardware();
  const hardware = own === undefined ? {} : { [nodeId]: own };
  const measured = withRdma(links.current(), hardware);
  return {
    nodes: node === undefined ? {} : { [nodeId]: node },
    hardware,
    ...(measured.length > 0 && { links: measured }),
    runners: Object.fromEntries(runners.map((runner) => [runner.runnerId, runner])),
    downloads,
    peers: { self: nodeId, since, closed: [] },
  };
}

function createApi(parts: {
  readonly nodeId: NodeId;
  readonly version: string;
  readonly policy: Policy;
  readonly master: Master;
  readonly log: EventLog;
  readonly tasks: Tasks;
  readonly telemetry: () => Telemetry;
  readonly models: readonly ModelCard[];
}): NodeApi {
  const { master, log, tasks, telemetry, models } = parts;
  return {
    nodeId: parts.nodeId,
    version: parts.version,
    policy: parts.policy,
    state: () => master.state,
    telemetry,
    submit: (command) => master.submit(command),
    newCommandId: () => CommandId.parse(randomUUID()),
    models: () => models,
    events: (after, limit): readonly IndexedEvent[] => log.read(after, limit),
    watch: (listener: (entry: IndexedEvent, state: ClusterState) => void) => master.watch(listener),
    startTask: (target, generation) => tasks.start(target, generation),
  };
}
