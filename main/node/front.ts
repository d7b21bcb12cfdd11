import { randomUUID } from 'node:crypto';
import type { NodeApi } from './api.ts';
import type { Clock } from './clock.ts';
import type { Config } from './config.ts';
import { ConversationStore } from './conversation/conversation-store.ts';
import type { DataFolder } from './data-folder.ts';
import type { IpcHandlers } from './ipc/handlers.ts';
import { nodeHandlers } from './ipc/node-handlers.ts';
import type { Log } from './log.ts';
import type { Catalog } from './model/catalog.ts';
import { importModel } from './model/import-model.ts';
import type { ModelStore } from './model/model-store.ts';
import { dashboardIn } from './server/dashboard.ts';
import { createServer, type RestServer } from './server/server.ts';
import { Settings } from './settings.ts';

export interface FrontComponents {
  readonly api: NodeApi;
  readonly clock: Clock;
  readonly log: Log;
  /** In [0, 1). */
  readonly random: () => number;
  readonly models: ModelStore;
}

export interface FrontInit {
  readonly folder: DataFolder;
  readonly config: Config;
  readonly name: () => string;
  readonly catalog: () => Catalog;
  /** The catalogue changed on the disk. */
  readonly readAgain: () => void;
  readonly scenarioFolder: string;
  readonly dashboardFolder: string;
}

/** What faces people and programs on this computer: the REST server, and what pages may ask over any wire. */
export interface Front {
  readonly server: RestServer;
  readonly handlers: IpcHandlers;
  /** The conversations; the server has a life of its own. */
  close(): void;
}

export function openFront(components: FrontComponents, init: FrontInit): Front {
  const { api, clock, log, random, models } = components;
  const { folder, config, catalog } = init;
  const conversations = ConversationStore.open(
    { clock, log, newId: randomUUID },
    { path: folder.conversationsPath },
  );
  const underWay = new Set<string>();
  const handlers = nodeHandlers(
    {
      api,
      clock,
      log,
      random,
      conversations,
      settings: new Settings({ path: folder.settingsPath, config }),
      pathOf: (modelId) => {
        const card = catalog().cards.find((each) => each.modelId === modelId);
        return card === undefined ? null : models.find(card);
      },
      async importModel(path) {
        const imported = await importModel(path, {
          folder: folder.modelsPath,
          known: catalog().cards,
          underWay,
        });
        if (imported.ok) init.readAgain();
        return imported;
      },
    },
    {
      name: init.name,
      platform: process.platform,
      apiAddress: () => server.address,
      scenarioFolder: init.scenarioFolder,
      modelFolders: [folder.modelsPath, ...config.modelDirs],
    },
  );
  const server = createServer(
    { api, log, clock, random, pages: { dashboard: dashboardIn(init.dashboardFolder), handlers } },
    { port: config.port },
  );
  return { server, handlers, close: () => conversations.close() };
}
