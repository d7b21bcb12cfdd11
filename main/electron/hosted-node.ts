import { app, safeStorage } from 'electron';
import { join } from 'node:path';
import type { NodeId } from '../core/id.ts';
import { values } from '../core/view.ts';
import { systemClock } from '../node/clock.ts';
import type { Config } from '../node/config.ts';
import type { Log } from '../node/log.ts';
import { NodeLife, type NodeLifeInit } from '../node/node-life.ts';
import { isAway } from '../node/server/cluster-view.ts';
import { createSkeinNode, type SkeinNode } from '../node/skein-node.ts';
import type { AppPlaces } from './places.ts';
import type { TrayNode } from './tray-node.ts';
import { UtilityProcessHost } from './utility-process-host.ts';
import { keychainVault } from './vault.ts';

/** The very node that runs headless, in this process, with utility processes as its runners. */
export function hostNode(
  { log, places }: { readonly log: Log; readonly places: AppPlaces },
  init: NodeLifeInit,
): NodeLife {
  const build = (config: Config, on: { onBroken: (problem: Error) => void; onLeft: () => void }): SkeinNode =>
    createSkeinNode(
      { log },
      {
        // A starter is the first steps' to offer: whoever opens an app is there to choose.
        config: { ...config, starter: false, modelDirs: [...config.modelDirs, places.models] },
        version: app.getVersion(),
        vault: keychainVault(
          { log, storage: safeStorage },
          { platform: process.platform, isPackaged: app.isPackaged, plainSecrets: config.plainSecrets },
        ),
        runnerHost: (pidFolder) =>
          new UtilityProcessHost(
            { clock: systemClock },
            {
              entry: places.runner,
              pidFolder,
              userData: app.getPath('userData'),
              environment: { SKEIN_ADDON: places.addon },
            },
          ),
        cardFolder: join(places.resources, 'models'),
        scenarioFolder: join(places.resources, 'scenarios'),
        dashboardFolder: places.dashboard,
        ...on,
      },
    );
  return new NodeLife({ clock: systemClock, log, build }, init);
}

/** The node as the menubar item shows it. */
export function trayNodeOf({ api, address }: SkeinNode): TrayNode {
  const snapshot = api.membership.snapshot();
  const nodeIds = values(snapshot.state.nodes).map(({ nodeId }) => nodeId);
  return {
    nodeId: api.nodeId,
    now: snapshot.now,
    state: snapshot.state,
    telemetry: snapshot.telemetry,
    master: api.cluster().master,
    away: nodeIds.filter((nodeId) => isAway(snapshot, nodeId)),
    address,
  };
}

/** Chats that would end with this node: those of its own people, and those that its runners answer. */
export function tasksHere({ api }: SkeinNode): number {
  const state = api.state();
  return values(state.tasks).filter(({ nodeId, instanceId }) => {
    const ranks = state.instances[instanceId]?.assignments ?? [];
    return nodeId === api.nodeId || ranks.some((rank) => rank.nodeId === api.nodeId);
  }).length;
}

/** Whether some model holds memory or work on this node. */
export function servesHere({ api }: SkeinNode): boolean {
  const runsOn = (nodeId: NodeId): boolean =>
    values(api.state().instances).some(({ assignments }) =>
      assignments.some((each) => each.nodeId === nodeId),
    );
  return runsOn(api.nodeId);
}
