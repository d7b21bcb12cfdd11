import { setFlagsFromString } from 'node:v8';

/** The plain-Node entry: `skein serve` is a node, every other command asks one that runs. */
const [command, ...args] = process.argv.slice(2);
process.exitCode = command === 'serve' ? await serveOrHelp() : await ask();

async function serveOrHelp(): Promise<number> {
  if (args.includes('--help') || args.includes('-h')) {
    const { serveHelp } = await import('./node/config.ts');
    process.stdout.write(`Usage: skein serve [options]\n\nRuns a node here until Ctrl-C.\n\n${serveHelp}\n`);
    return 0;
  }
  // A node mostly waits: 30 MB less for it are worth a little more work when it is busy.
  setFlagsFromString('--semi-space-growth-factor=1');
  const { serve } = await import('./serve.ts');
  return serve(args);
}

async function ask(): Promise<number> {
  const { runCli } = await import('./cli/run.ts');
  return runCli(process.argv.slice(2));
}
