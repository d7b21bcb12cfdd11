import { loadAddon } from '../../native/index.ts';
import type { EngineFactory } from './engine.ts';

/**
 * The engine over MLX. A runner is a process of its own, so the addon's self-test may run right here:
 * a build that crashes takes one runner with it, and a build that computes wrongly serves nobody.
 * @throws `AddonUnavailableError`, or what the self-test found
 */
export function openMlxEngine(): EngineFactory {
  const addon = loadAddon();
  addon.selfTest();
  return (onSteps) => {
    const engine = addon.createEngine(onSteps);
    return {
      readMetadata: (path) => addon.readGguf(path).metadata,
      listen: (host) => engine.listen(host),
      connect: (options, onLost) => engine.connect(options, onLost),
      abortGroup: (reason) => engine.abortGroup(reason),
      load: (options, onLayer) => engine.load(options, onLayer),
      submit: (options) => engine.submit(options),
      cancel: (task) => engine.cancel(task),
      heartbeat: () => engine.heartbeat(),
      close: () => engine.close(),
    };
  };
}
