/** Names of what crosses between the app's shell and its pages; apart from the schemas, since the preload needs no more. */
export const appChannels = {
  /** Page → shell, answered: a port to the node is sent to the page. */
  connect: 'skein:connect',
  /** Shell → page, with the port. */
  port: 'skein:port',
  /** Page → shell, answered. */
  info: 'skein:info',
  /** Page → shell, answered. */
  change: 'skein:change-settings',
  /** Page → shell, answered. */
  update: 'skein:update',
  /** Shell → page. */
  opening: 'skein:opening',
} as const;

/** Where the app's pages come from; nothing else is ever loaded. */
export const APP_ORIGIN = 'app://skein';
