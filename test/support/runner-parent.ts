/** A stand-in for a node that can be killed: starts one fake runner per script in its arguments and prints their pids. */
import { systemClock } from '../../main/node/clock.ts';
import { ChildProcessHost } from '../../main/node/runner/child-process-host.ts';
import { fakeRunnerEntry, scripted } from './fake-runner-script.ts';
import type { FakeRunnerScript } from './fake-runner-script.ts';
import { runnerId, runnerSetup } from './runner-builders.ts';

const [pidFolder = '', modelPath = '', ...scripts] = process.argv.slice(2);
let awaited = scripts.length;
const pids: (number | undefined)[] = [];

for (const text of scripts) {
  const script = JSON.parse(text) as FakeRunnerScript;
  const host = new ChildProcessHost(
    { clock: systemClock },
    { entry: fakeRunnerEntry, pidFolder, environment: scripted(script) },
  );
  const announce = (): void => {
    awaited -= 1;
    if (awaited === 0) process.stdout.write(`${JSON.stringify(pids)}\n`);
  };
  const runner = host.spawn(runnerId, {
    onReport: ({ type }) => {
      // A mishap while loading comes with the layer after the first, a millisecond later.
      const hangs = script.engine?.mishap?.when === 'load';
      if (type === (hangs ? 'Loading' : 'Hello')) announce();
    },
    onBrokenReport: () => {},
    onExit: () => {},
  });
  runner.send({ type: 'Setup', setup: runnerSetup({ modelPath }) });
  runner.send({ type: 'Connect' });
  runner.send({ type: 'Load' });
  pids.push(runner.pid);
  if (script.atStart === 'mute') announce();
}
