import { type Phase, phaseLabel, phaseOf } from '../../../main/core/phase.ts';
import type { ModelCard } from '../../../main/core/model-card.ts';
import type { ClusterState } from '../../../main/core/state.ts';
import type { DownloadTelemetry, NodeTelemetry } from '../../../main/core/telemetry.ts';
import { values } from '../../../main/core/view.ts';

/** What one node has of a model's files. */
export type NodeShare =
  | { readonly type: 'Here'; readonly node: string }
  | {
      readonly type: 'Fetching';
      readonly node: string;
      readonly doneBytes: number;
      readonly totalBytes: number;
    }
  | { readonly type: 'Failed'; readonly node: string; readonly message: string };

/** A MetaInstance of a model. */
export interface ModelRun {
  readonly id: string;
  readonly phase: Phase;
  readonly label: string;
}

/** A model as the cluster knows it. */
export interface ModelRow {
  readonly card: ModelCard;
  /** By name of the node; nodes that have nothing of it are left out. */
  readonly shares: readonly NodeShare[];
  readonly runs: readonly ModelRun[];
}

/** What tells where models lie. */
export interface ModelSources {
  readonly state: ClusterState;
  readonly downloads: readonly DownloadTelemetry[];
  /** The models on the disk of the node that serves the page, also those that nobody has asked for yet. */
  readonly local: { readonly node: string; readonly modelIds: ReadonlySet<string> };
}

/** The models whose title, id or kind has all words of `search` in it, by title. */
export function modelRows(
  { state, downloads, local }: ModelSources,
  { cards, search }: { readonly cards: readonly ModelCard[]; readonly search: string },
): readonly ModelRow[] {
  const words = search
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '');
  return cards
    .filter(({ title, modelId, architecture, quantization }) => {
      const text = `${title} ${modelId} ${architecture} ${quantization}`.toLowerCase();
      return words.every((word) => text.includes(word));
    })
    .sort((a, b) => a.title.localeCompare(b.title))
    .map((card) => ({ card, shares: shares(card, { state, downloads, local }), runs: runs(card, state) }));
}

function shares(card: ModelCard, { state, downloads, local }: ModelSources): readonly NodeShare[] {
  const told = values(state.nodes).flatMap(({ nodeId, name }): readonly NodeShare[] => {
    const download = state.downloads[nodeId]?.[card.modelId];
    switch (download?.type) {
      case undefined:
        return [];
      case 'Completed':
        return [{ type: 'Here', node: name }];
      case 'Failed':
        return [{ type: 'Failed', node: name, message: download.message }];
      case 'Ongoing': {
        const progress = downloads.find((each) => each.nodeId === nodeId && each.modelId === card.modelId);
        return [
          {
            type: 'Fetching',
            node: name,
            doneBytes: progress?.doneBytes ?? 0,
            totalBytes: progress?.totalBytes ?? card.fileBytes,
          },
        ];
      }
    }
  });
  const here = local.modelIds.has(card.modelId) && !told.some(({ node }) => node === local.node);
  const all: readonly NodeShare[] = here ? [...told, { type: 'Here', node: local.node }] : told;
  return all.toSorted((a, b) => a.node.localeCompare(b.node));
}

function runs(card: ModelCard, state: ClusterState): readonly ModelRun[] {
  return values(state.metaInstances)
    .filter(({ spec, deleting }) => spec.modelId === card.modelId && !deleting)
    .map((metaInstance) => ({
      id: metaInstance.metaInstanceId,
      phase: phaseOf(state, metaInstance),
      label: phaseLabel(state, metaInstance),
    }));
}

/** Room for models on a node's disk. */
export interface NodeDisk {
  readonly node: string;
  readonly availableBytes: number;
  readonly totalBytes: number;
}

/** Of the nodes that told, by name. */
export function nodeDisks(
  state: ClusterState,
  telemetry: Readonly<Record<string, NodeTelemetry>>,
): readonly NodeDisk[] {
  return values(state.nodes)
    .flatMap(({ nodeId, name }) => {
      const disk = telemetry[nodeId]?.disk;
      return disk === undefined ? [] : [{ node: name, ...disk }];
    })
    .sort((a, b) => a.node.localeCompare(b.node));
}
