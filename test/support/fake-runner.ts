/** A runner process with the real message loop and a fake engine, whose script is in the environment. */
import { writeSync } from 'node:fs';
import { nodePort } from '../../main/runner/port.ts';
import { runProcess } from '../../main/runner/run-process.ts';
import { fakeEngine, fakeText } from './fake-engine.ts';
import type { FakeEngineScript } from './fake-engine.ts';
import { SCRIPT_VARIABLE } from './fake-runner-script.ts';
import type { FakeRunnerScript } from './fake-runner-script.ts';

const CHANNEL = 3;
const { parentPort } = process as { readonly parentPort?: { postMessage(message: unknown): void } };
const script = JSON.parse(process.env[SCRIPT_VARIABLE] ?? '{}') as FakeRunnerScript;

/** What a runner may do before it says a word. */
function starts(atStart: FakeRunnerScript['atStart']): boolean {
  switch (atStart) {
    case undefined:
      return true;
    case 'exit':
      process.stderr.write('fake runner: no, thanks\n');
      return process.exit(3);
    case 'mute':
      setInterval(() => {}, 1_000);
      return false;
    case 'garbage':
      say('}}} this is not JSON\n');
      return true;
    case 'strange':
      say(`${JSON.stringify({ type: 'Hello', protocol: 'one' })}\n`);
      return true;
    case 'endless':
      process.nextTick(pour, 'x'.repeat(1 << 16));
      return true;
    case 'flood':
      process.nextTick(pour, `${JSON.stringify({ type: 'WarmedUp' })}\n`.repeat(1_000));
      return true;
    case 'environment':
      process.stderr.write(`${JSON.stringify(process.env)}\n`);
      return true;
    case 'chatter':
      process.stdout.write('on stdout\n');
      process.stderr.write(`${'x'.repeat(100_000)}\nthe end\n`);
      return true;
  }
}

/** Whoever listens for the signal from now on never hears it. */
function beDeafTo(signal: NodeJS.Signals): void {
  const listen = process.on.bind(process);
  listen(signal, () => {});
  process.on = ((event: NodeJS.Signals, listener: () => void) =>
    event === signal ? process : listen(event, listener)) as typeof process.on;
}

/** Behind the back of the message loop. */
function say(text: string): void {
  if (parentPort === undefined) writeSync(CHANNEL, text);
  else for (const line of text.split('\n').filter((each) => each !== '')) parentPort.postMessage(line);
}

/** Writes without an end, minding back-pressure only as far as the system does. */
function pour(piece: string): void {
  try {
    say(piece);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return;
  }
  setImmediate(pour, piece);
}

if (script.deafToTerm === true) beDeafTo('SIGTERM');
if (starts(script.atStart)) {
  const engine: Partial<FakeEngineScript> = script.engine ?? {};
  runProcess({
    port: nodePort(),
    openEngine: async () => fakeEngine(engine),
    openText: async () => () => fakeText,
  });
}
