/** Entry of a runner process: one shard of one Instance. Started by a node. */
import { nodePort } from './port.ts';
import { runProcess } from './run-process.ts';

runProcess({
  port: nodePort(),
  openEngine: async () => (await import('./mlx-engine.ts')).openMlxEngine(),
  openText: async () => (await import('./generate-text.ts')).loadText,
});
