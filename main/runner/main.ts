/** Entry of a runner process: one shard of one Instance. Started by a node, with its channel on descriptor 3. */
import { inheritedChannel, streamPort } from './port.ts';
import { runProcess } from './run-process.ts';

runProcess({
  port: streamPort(inheritedChannel()),
  openEngine: async () => (await import('./mlx-engine.ts')).openMlxEngine(),
  openText: async () => (await import('./generate-text.ts')).loadText,
});
