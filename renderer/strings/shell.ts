import { viewTitles } from '../../main/core/contract/ipc-app.ts';

/** What the frame around the views says. */
export const shell = {
  name: 'Skein',
  close: 'Close',
  dismiss: 'Dismiss',
  undo: 'Undo',
  navigation: 'Views',
  views: viewTitles,
  loading: 'Loading…',
  connecting: 'Connecting to Skein…',
  lost: 'Skein is not reachable. It is tried again by itself; nothing you typed is lost.',
  outdated: (version: string): string => `Skein is version ${version} now, and this page is older.`,
  reload: 'Reload',
  noMaster: 'No node leads just now: changes wait until one does.',
  crashed: 'This view has failed',
  crashedWhy: 'The rest of Skein goes on. Show it again, or reload the page.',
  again: 'Show it again',
  notRunning: (model: string): string =>
    `The link names the model “${model}”, which does not run here. Choose another, or run it first.`,
  status: {
    alone: 'One computer',
    nodes: (count: number): string => `${count} computers`,
    away: (count: number): string => (count === 1 ? '1 is away' : `${count} are away`),
    connecting: 'Connecting…',
    lost: 'Not connected',
  },
} as const;
