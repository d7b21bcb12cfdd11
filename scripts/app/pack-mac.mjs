import { checkout } from '../setup/paths.mjs';
import { macConfiguration } from './mac-configuration.mjs';

// Under Node 24, which the packager needs; `npm run dist:mac` starts it, and only the packages step brings that.
const { Arch, build, Platform } = await import('electron-builder');
await build({
  projectDir: checkout,
  targets: Platform.MAC.createTarget(null, Arch.arm64),
  publish: 'never',
  config: macConfiguration(process.env).config,
});
