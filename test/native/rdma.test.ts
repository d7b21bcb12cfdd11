import { expect, it } from 'vitest';
import { loadAddon } from '../../native/index.ts';
import { EngineRun } from './support/engine-run.ts';

const sideChannel = { rank: 0, size: 2, up: '/nowhere/up', down: '/nowhere/down', openMs: 200, roundMs: 200 };

/** Where there is RDMA the same call waits for the node's pipes: another kind of failure, on other machines. */
it.skipIf(loadAddon().features.jaccl)(
  'an engine without RDMA says so when it is asked to join over it, and goes on alone',
  async () => {
    const run = new EngineRun();
    try {
      await expect(run.engine.connect({ sideChannel }, () => {})).rejects.toMatchObject({
        code: 'BadArgument',
        message: expect.stringContaining('RDMA'),
      });
      await expect(
        run.engine.connect({ sideChannel: { ...sideChannel, size: 1 } }, () => {}),
      ).rejects.toMatchObject({ code: 'BadArgument', message: expect.stringContaining('size') });
      await run.load();
      expect(await run.generate({ maxTokens: 2 })).toHaveLength(2);
    } finally {
      await run.engine.close();
    }
  },
);
