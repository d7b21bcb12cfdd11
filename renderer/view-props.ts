import type { RootStore } from './stores/root-store.ts';

/** What every view gets. */
export interface ViewProps {
  readonly root: RootStore;
}
