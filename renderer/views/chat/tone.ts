import type { Phase } from '../../../main/core/phase.ts';
import type { Tone } from '../../components/small.tsx';

/** The colour beside a phase. */
export function toneOf(phase: Phase): Tone {
  switch (phase) {
    case 'READY':
    case 'RUNNING':
      return 'ok';
    case 'FAILED':
    case 'PLACEMENT FAILED':
      return 'bad';
    case 'RETRYING':
      return 'warn';
    case 'PLACING':
    case 'DOWNLOADING':
    case 'LOADING':
    case 'WARMING UP':
      return 'accent';
    case 'PAUSED':
    case 'IDLE':
    case 'DELETING':
      return 'plain';
  }
}
