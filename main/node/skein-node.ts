import { randomBytes, randomUUID } from 'node:crypto';
import { hostname, totalmem } from 'node:os';
import { join } from 'node:path';
import { CommandId, TaskId } from '../core/id.ts';
import { defaultPolicy, type Policy } from '../core/policy.ts';
import type { ClusterState } from '../core/state.ts';
import { SECOND } from '../core/unit.ts';
import type { NodeApi } from './api.ts';
import { systemClock } from './clock.ts';
import type { Config } from './config.ts';
import { DataFolder } from './data-folder.ts';
import { runCommand } from './hardware/command.ts';
import { memoryReader } from './hardware/memory.ts';
import { friendlyName } from './hardware/friendly-name.ts';
import { openFront } from './front.ts';
import { loadIdentity } from './identity.ts';
import type { IpcHandlers } from './ipc/handlers.ts';
import { startAll, stopAll, type Startable } from './lifecycle.ts';
import type { Log } from './log.ts';
import { ClusterFile } from './membership/cluster-file.ts';
import { finishLeaving } from './membership/departure.ts';
import { loadCluster } from './membership/load-cluster.ts';
import { Membership } from './membership/membership.ts';
import { readCatalog, type Catalog } from './model/catalog.ts';
import { ModelStore } from './model/model-store.ts';
import type { RunnerTimings } from './runner/defaults.ts';
import type { RunnerHost } from './runner/host.ts';
import { reapOrphans } from './runner/orphans.ts';
import { createPeerNetwork } from './peer/peer-network.ts';
import { Member } from './replica/member.ts';
import { SideChannels } from './side-channel/side-channels.ts';
import { ReplicaStore } from './store/replica-store.ts';
import { Bandwidth } from './telemetry/bandwidth.ts';
import { DecodeSpeed } from './telemetry/decode-speed.ts';
import { LinkTable } from './telemetry/link-table.ts';
import { platformFacts, systemReaders } from './telemetry/readers.ts';
import { TelemetrySampler } from './telemetry/telemetry-sampler.ts';
import type { Vault } from './vault.ts';
import { LoadOnRequest } from './worker/load-on-request.ts';
import { MemoryReturn } from './worker/memory-return.ts';
import { TaskReports } from './worker/reports-of-tasks.ts';
import { TaskService } from './worker/task-service.ts';
import { Tasks } from './worker/tasks.ts';
import { Worker } from './worker/worker.ts';

export interface SkeinNodeInit {
  readonly config: Config;
  readonly version: string;
  /** Where runner processes come from; they note themselves in that folder. */
  readonly runnerHost: (pidFolder: string) => RunnerHost;
  /** Model cards that Skein brings. */
  readonly cardFolder: string;
  /** Scenarios that Skein brings. */
  readonly scenarioFolder: string;
  /** The built dashboard. */
  readonly dashboardFolder: string;
  /** Called once when the node can't go on: its log refuses to be written. */
  readonly onBroken: (problem: Error) => void;
  /** Called once when the node left its cluster: it is to be stopped and built anew from its data folder. */
  readonly onLeft: () => void;
  /** Seals the secrets of the data folder; absent = they lie plain there, for its owner alone. */
  readonly vault?: Vault | undefined;
  readonly policy?: Partial<Policy>;
  readonly timings?: Partial<RunnerTimings>;
}

/** A node: everything one computer runs of Skein, without a window. */
export interface SkeinNode extends Startable {
  readonly api: NodeApi;
  /** What pages may ask, whichever wire carries it. */
  readonly handlers: IpcHandlers;
  /** `http://127.0.0.1:PORT` while it serves. */
  readonly address: string | null;
  /** True when no command ever took effect in the data folder: nothing was ever created or deleted in it. */
  readonly isNew: boolean;
  /** Others are connected: they miss this node when it goes. */
  readonly hasPeers: boolean;
  /** Before a stop that may be cut short: others need not wait for a silence, and a master hands over. Bounded. */
  sayGoodbye(): Promise<void>;
}

/**
 * Builds a node from its data folder; the only place that constructs. Nothing runs before `start`.
 * @throws DataFolderError, IdentityError, ClusterFileError or StoreError with a message for people
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

/** A node on its own is its own master within this time; one of many serves before that is settled. */
const SETTLE_MS = 0.3 * SECOND;

function assemble(folder: DataFolder, log: Log, init: SkeinNodeInit): SkeinNode {
  const clock = systemClock;
  const random = Math.random;
  const sessionId = randomUUID();
  const { config, version, vault } = init;
  const { clusterPath, eventsPath, identityPath, peersPath } = folder;
  const identity = loadIdentity({ log, vault }, { path: identityPath });
  const { nodeId } = identity;
  const clusterFile = new ClusterFile({ log, vault }, { path: clusterPath });
  const found = loadCluster({ clock, clusterFile }, { given: config.clusterKey });
  const record = finishLeaving({ clusterFile }, { record: found, eventsPath, peersPath });
  const readCards = (): Catalog => readCatalog([init.cardFolder, folder.modelsPath]);
  let catalog = readCards();
  const opened = ReplicaStore.open(
    { clock, log },
    {
      path: eventsPath,
      self: nodeId,
      onCompacted: (compacted) => member.compacted(compacted),
    },
  );
  const { store } = opened;
  for (const notice of [...catalog.warnings, ...opened.notices]) log.warn(notice);

  let name = config.name ?? hostname();
  const policy = { ...defaultPolicy, ...init.policy };
  const network = createPeerNetwork(
    { clock, log, identity, random },
    {
      get name() {
        return name;
      },
      version,
      sessionId,
      clusterKey: record.key,
      host: config.peerHost,
      port: config.peerPort,
      peers: config.peers,
      discovery: config.discovery,
      bookPath: peersPath,
    },
  );
  const models = new ModelStore(
    { clock, log },
    { folder: folder.modelsPath, readOnlyFolders: config.modelDirs },
  );
  const pidFolder = join(folder.path, 'runners');
  const host = init.runnerHost(pidFolder);
  const speed = new DecodeSpeed({ log }, { path: folder.speedPath, engine: version });
  const sampler = new TelemetrySampler(
    { clock, log, readers: systemReaders(clock, folder.path) },
    { nodeId, ...platformFacts(process.platform), decodeBytesPerSecond: () => speed.bytesPerSecond },
  );
  const state = (): ClusterState => store.state;
  const onChange = (): void => member.look();
  const sideChannels = new SideChannels(
    { network, clock, log },
    {
      nodeId,
      folder: folder.sideChannelPath,
      timings: init.timings?.joinMs === undefined ? {} : { joinMs: init.timings.joinMs },
    },
  );
  const worker: Worker = new Worker(
    {
      sideChannels,
      host,
      models,
      clock,
      log,
      random,
      speed,
      memory: new MemoryReturn({ clock, read: memoryReader(process.platform) }),
    },
    {
      nodeId,
      sessionId,
      policy,
      limits: config.limits,
      neighbourhood: { clusterKey: () => membership.clusterKey, links: () => links.current() },
      state,
      isReported: (runnerId) => member.isReported(runnerId),
      onChange,
      ...(init.timings && { timings: init.timings }),
    },
  );
  const bandwidth = new Bandwidth({ clock, network });
  const links = new LinkTable(
    { clock, log, probe: bandwidth },
    {
      self: nodeId,
      connections: () => network.peers,
      interfaces: () => sampler.hardware()?.interfaces ?? [],
      idle: () => worker.telemetry.runners.every(({ activeTasks }) => activeTasks === 0),
    },
  );
  const taskReports = new TaskReports({ state, onChange });
  const member: Member = new Member(
    { disk: store, network, clock, log, random },
    {
      nodeId,
      sessionId,
      persisted: opened.persisted,
      policy,
      started: () => ({
        type: 'NodeStarted',
        nodeId,
        name,
        version,
        sessionId,
        memoryBytes: sampler.current()?.totalBytes ?? totalmem(),
      }),
      observe: () => {
        const node = sampler.current();
        const hardware = sampler.hardware();
        return {
          ...worker.telemetry,
          ...(node && { node }),
          ...(hardware && { hardware }),
          links: links.current(),
          tasks: tasks.telemetry,
          holding: worker.holding,
        };
      },
      work: {
        act: () => worker.act(),
        reports: () => [...worker.reports(), ...taskReports.reports()],
        joins: () => worker.joins(),
        isLevel: () => worker.isLevel(),
      },
      onBroken: init.onBroken,
    },
  );
  const newCommandId = (): CommandId => CommandId.parse(randomUUID());
  const loads = new LoadOnRequest(
    { clock, newCommandId, submit: (command) => member.submit(command) },
    { state },
  );
  const tasks: Tasks = new Tasks(
    {
      leaderOf: (instance) => worker.leaderOf(instance),
      newTaskId: () => TaskId.parse(randomUUID()),
      loads,
      network,
      clock,
    },
    { nodeId, state, report: (report) => taskReports.add(report) },
  );
  const taskService = new TaskService({
    network,
    log,
    leaderOf(instanceId) {
      const instance = store.state.instances[instanceId];
      return instance && worker.leaderOf(instance);
    },
  });
  const membership: Membership = new Membership(
    {
      network,
      identity,
      clusterFile,
      clock,
      log,
      randomBytes,
      newCommandId,
      submit: (command) => member.submit(command),
    },
    {
      record,
      dataFolder: folder.path,
      self: () => ({ nodeId, name, version }),
      host: config.peerHost,
      discovery: config.discovery,
      observe: () => ({ state: state(), telemetry: member.telemetry, view: member.cluster }),
      onLeft: init.onLeft,
    },
  );
  const api: NodeApi = {
    nodeId,
    version,
    policy,
    membership,
    state,
    telemetry: () => member.telemetry,
    submit: (command) => member.submit(command),
    newCommandId,
    models: () => catalog.cards,
    events: (after, limit) => store.readEvents(after, limit),
    watch: (onEntry, onReset) => member.watch({ onEntry, ...(onReset && { onReset }) }),
    cluster: () => member.cluster,
    cancelPaused: (taskId) => tasks.cancelPaused(taskId),
    startTask: (target, generation, options) => tasks.start(target, generation, options),
  };
  const front = openFront(
    { api, clock, log, random, models },
    {
      folder,
      config,
      name: () => name,
      catalog: () => catalog,
      readAgain: () => void (catalog = readCards()),
      scenarioFolder: init.scenarioFolder,
      dashboardFolder: init.dashboardFolder,
    },
  );
  const { server, handlers } = front;

  const disk: Startable = {
    start: async () => undefined,
    stop: async () => {
      await store.close();
      front.close();
      folder.close();
    },
  };
  const presence: Startable = {
    async start() {
      await reapOrphans({ clock, log }, pidFolder);
      name = config.name ?? (await friendlyName({ platform: process.platform, hostname, run: runCommand }));
      member.watch({
        onEntry(entry) {
          if (entry.event.type === 'MetaInstanceRetried') worker.retryNow();
          tasks.onEntry(entry);
        },
        onReset: () => tasks.onReset(),
      });
    },
    stop: async () => undefined,
  };
  const settled: Startable = {
    start: () => member.whenKnown(SETTLE_MS),
    stop: async () => undefined,
  };
  const parts = [
    disk,
    // A master says goodbye over it.
    only('stop', network),
    sampler,
    bandwidth,
    links,
    sideChannels,
    presence,
    // To load the network takes longer than all the rest. A node on its own answers without it; one that remembers
    // others counts from there how long it waits for them [E15].
    ...(network.remembered.length === 0
      ? [member, worker, taskService, settled, only('start', server), behind(log, network)]
      : [only('start', server), only('start', network), member, worker, taskService]),
    only('stop', server),
    membership,
  ];
  return {
    api,
    handlers,
    isNew: opened.state.commands.length === 0 && opened.notices.length === 0,
    get address() {
      return server.address;
    },
    get hasPeers() {
      return network.peers.length > 0;
    },
    async sayGoodbye() {
      await member.stop();
      await network.stop();
    },
    start: () => startAll(parts),
    stop: () => stopAll(parts),
  };
}

/** For parts that stop in another order than the reverse of their start. */
const only = (half: 'start' | 'stop', part: Startable): Startable => ({
  start: async () => (half === 'start' ? part.start() : undefined),
  stop: async () => (half === 'stop' ? part.stop() : undefined),
});

/** Starts while others go on, and is no reason to end when it can't. Stopped elsewhere. */
const behind = (log: Log, part: Startable): Startable => ({
  start: async () =>
    void part.start().catch((problem: unknown) => {
      log.error('Other nodes can not be reached until the next start; this one works alone', { problem });
    }),
  stop: async () => undefined,
});
