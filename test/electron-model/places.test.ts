import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { canRdma, placesOf } from '../../main/electron/places.ts';

const packaged = { appPath: '/Skein.app/app.asar', resourcesPath: '/Skein.app/Resources', isPackaged: true };

describe('the engine of a packaged app', () => {
  it.each([
    ['macOS 14.6', 'darwin', '23.6.0', 'engine'],
    ['macOS 26.1', 'darwin', '25.1.0', 'engine'],
    ['macOS 26.2', 'darwin', '25.2.0', 'engine-jaccl'],
    ['macOS 26.10', 'darwin', '25.10.1', 'engine-jaccl'],
    ['macOS 27.0', 'darwin', '26.0.0', 'engine-jaccl'],
    ['Linux, whatever its kernel', 'linux', '26.4.0-generic', 'engine'],
    ['a release that is no number', 'darwin', 'unknown', 'engine'],
  ])('given %s, it is the one that can be loaded there', (_name, platform, release, folder) => {
    const places = placesOf({ ...packaged, canRdma: canRdma(platform, release) });
    expect(places.addon).toBe(join('/Skein.app/Resources', folder, 'build', 'skein_engine.node'));
  });
});

describe('the engine of a checkout', () => {
  it('given either system, it is the one that set-up built', () => {
    const places = placesOf({
      appPath: '/skein/.cache/app',
      resourcesPath: '/electron/resources',
      isPackaged: false,
      canRdma: true,
    });
    expect([places.addon, places.models]).toEqual([
      '/skein/native/build/skein_engine.node',
      '/skein/.cache/models',
    ]);
  });
});
