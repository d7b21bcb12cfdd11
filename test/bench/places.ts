import { fileURLToPath } from 'node:url';
import { placesIn } from '../../scripts/setup/paths.mjs';

/** Where set-up put what the bench uses. */
export const places = placesIn(fileURLToPath(new URL('../..', import.meta.url)));

/** What every benchmark runs with. */
export interface BenchInit {
  /** How often each quantity is measured, 1 or more. */
  readonly runs: number;
  /** Tells the person who waits what is being done. */
  readonly onStep: (what: string) => void;
}
