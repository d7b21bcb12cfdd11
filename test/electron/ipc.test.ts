import { describe } from 'vitest';
import { describeIpc } from '../compliance/ipc.suite.ts';
import { inElectron, whyNoElectron } from '../support/electron.ts';
import { IpcApp } from './support/ipc-app.ts';

describe.skipIf(whyNoElectron !== undefined)(inElectron('pages of the app'), () => {
  describeIpc('a port of the app', async () => {
    const app = new IpcApp();
    await app.start();
    return { connect: () => app.connect(), stop: () => app.stop() };
  });
});
