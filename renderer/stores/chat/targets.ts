import { type Phase, phaseLabel, phaseOf } from '../../../main/core/phase.ts';
import type { ModelCard } from '../../../main/core/model-card.ts';
import type { ClusterState } from '../../../main/core/state.ts';
import { values } from '../../../main/core/view.ts';

/** Someone to talk to: a MetaInstance. */
export interface Target {
  readonly id: string;
  readonly modelId: string;
  /** As people know the model. */
  readonly title: string;
  readonly phase: Phase;
  /** The phase as shown, e.g. `RETRYING 2/3`. */
  readonly label: string;
  /** Whether it answers at once, or as soon as it is loaded, without anyone doing anything. */
  readonly answers: boolean;
}

/** Phases that lead to an answer without a person's help. */
const ANSWERING: ReadonlySet<Phase> = new Set([
  'PLACING',
  'RETRYING',
  'DOWNLOADING',
  'LOADING',
  'WARMING UP',
  'READY',
  'RUNNING',
  'IDLE',
]);

/** Whom one can talk to, ready ones first, then by name. */
export function chatTargets(state: ClusterState, cards: readonly ModelCard[]): readonly Target[] {
  const titles = new Map<string, string>(cards.map(({ modelId, title }) => [modelId, title]));
  const ready = ({ phase }: Target): number => (phase === 'READY' || phase === 'RUNNING' ? 0 : 1);
  return values(state.metaInstances)
    .filter(({ deleting }) => !deleting)
    .map((metaInstance) => {
      const phase = phaseOf(state, metaInstance);
      const { modelId } = metaInstance.spec;
      return {
        id: metaInstance.metaInstanceId,
        modelId,
        title: titles.get(modelId) ?? modelId,
        phase,
        label: phaseLabel(state, metaInstance),
        answers: ANSWERING.has(phase),
      };
    })
    .sort((a, b) => ready(a) - ready(b) || a.id.localeCompare(b.id));
}
