import type { MetaInstanceId } from '../core/id.ts';
import { phaseOf } from '../core/phase.ts';
import type { ClusterState } from '../core/state.ts';
import { clampMessage } from '../core/text.ts';

export interface Notice {
  readonly metaInstanceId: MetaInstanceId;
  readonly title: string;
  readonly text: string;
}

/** Things that a person may wait for at once; older ones are forgotten. */
const MOST_AWAITED = 64;

/** Tells of what a person started here and may have turned away from: once each, when it is ready or has failed. */
export class Notices {
  readonly #awaited = new Set<MetaInstanceId>();

  /** A person asked for it just now. */
  await(metaInstanceId: MetaInstanceId): void {
    this.#awaited.delete(metaInstanceId);
    this.#awaited.add(metaInstanceId);
    const [oldest] = this.#awaited;
    if (this.#awaited.size > MOST_AWAITED && oldest !== undefined) this.#awaited.delete(oldest);
  }

  /** What is to be told now; it is not told again. */
  review(state: ClusterState): readonly Notice[] {
    return [...this.#awaited].flatMap((metaInstanceId) => {
      const notice = noticeOf(state, metaInstanceId);
      if (notice === 'Waits') return [];
      this.#awaited.delete(metaInstanceId);
      return notice === 'Gone' ? [] : [notice];
    });
  }
}

function noticeOf(state: ClusterState, metaInstanceId: MetaInstanceId): Notice | 'Waits' | 'Gone' {
  const metaInstance = state.metaInstances[metaInstanceId];
  if (metaInstance === undefined) return 'Gone';
  const { conditions, lastFailure } = metaInstance.status;
  const phase = phaseOf(state, metaInstance);
  switch (phase) {
    case 'READY':
    case 'RUNNING':
      return {
        metaInstanceId,
        title: `${metaInstanceId} is ready`,
        text: `${metaInstance.card.modelId} answers now.`,
      };
    case 'FAILED':
      return {
        metaInstanceId,
        title: `${metaInstanceId} has failed`,
        text: clampMessage(lastFailure?.message ?? ''),
      };
    case 'PLACEMENT FAILED':
      return {
        metaInstanceId,
        title: `${metaInstanceId} finds no place`,
        text: clampMessage(conditions.Placed?.message ?? ''),
      };
    case 'PAUSED':
    case 'DELETING':
      return 'Gone';
    case 'PLACING':
    case 'RETRYING':
    case 'DOWNLOADING':
    case 'LOADING':
    case 'WARMING UP':
    case 'IDLE':
      return 'Waits';
  }
}
