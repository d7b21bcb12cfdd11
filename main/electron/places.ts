import { join } from 'node:path';

/** Where the parts of the app lie. */
export interface AppPlaces {
  readonly preload: string;
  /** The bundle that runner processes run. */
  readonly runner: string;
  readonly dashboard: string;
  /** Cards, scenarios, icons. */
  readonly resources: string;
  /** The native engine; its libraries lie beside it or where it was built. */
  readonly addon: string;
  /** Model files that came with the app; only read. */
  readonly models: string;
}

/**
 * @param init.appPath of the bundles: a folder, or the archive of a packaged app
 * @param init.resourcesPath of a packaged app: what can not be loaded out of an archive lies there
 */
export function placesOf(init: {
  readonly appPath: string;
  readonly resourcesPath: string;
  readonly isPackaged: boolean;
  /** Whether this computer can use RDMA over Thunderbolt. */
  readonly canRdma: boolean;
}): AppPlaces {
  const { appPath, resourcesPath, isPackaged } = init;
  // Its MLX loads on macOS 26.2 and later alone.
  const engine = init.canRdma ? 'engine-jaccl' : 'engine';
  // `.cache/app` of a checkout.
  const checkout = join(appPath, '..', '..');
  return {
    preload: join(appPath, 'preload.cjs'),
    runner: join(appPath, 'runner.cjs'),
    dashboard: join(appPath, 'dashboard'),
    resources: join(appPath, 'resources'),
    addon: isPackaged
      ? join(resourcesPath, engine, 'build', 'skein_engine.node')
      : join(checkout, 'native', 'build', 'skein_engine.node'),
    models: isPackaged ? join(resourcesPath, 'models') : join(checkout, '.cache', 'models'),
  };
}

/** macOS 26.2, as Darwin counts: the first with RDMA over Thunderbolt. */
const FIRST_RDMA = [25, 2] as const;

/** @param release of the kernel, as `os.release()` has it */
export function canRdma(platform: string, release: string): boolean {
  const [major = 0, minor = 0] = release.split('.').map(Number);
  return (
    platform === 'darwin' && (major > FIRST_RDMA[0] || (major === FIRST_RDMA[0] && minor >= FIRST_RDMA[1]))
  );
}
