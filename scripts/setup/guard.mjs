// Runs a tool in a group of its own and ends the whole group when the set-up that asked for it is gone, however it
// went: the pipe that is this process's standard input closes. Arguments: the tool and its arguments.
import { spawn } from 'node:child_process';
import { constants } from 'node:os';

const [command = '', ...args] = process.argv.slice(2);
const tool = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit'], detached: true });

/** What a tool gets to tidy up (make deletes what it had not finished) before it is killed. */
const GRACE_MS = 2_000;

let ending = false;
const endGroup = () => {
  if (ending || tool.pid === undefined) return;
  ending = true;
  signalGroup(tool.pid, 'SIGTERM');
  setTimeout(signalGroup, GRACE_MS, tool.pid, 'SIGKILL');
};

/** @param {number} group @param {NodeJS.Signals} signal */
function signalGroup(group, signal) {
  try {
    process.kill(-group, signal);
  } catch {
    // Gone meanwhile.
  }
}

process.stdin.on('close', endGroup);
process.stdin.resume();
/** @type {NodeJS.Signals[]} */
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
for (const signal of signals) process.on(signal, endGroup);

tool.on('error', (error) => {
  process.stderr.write(`${command} could not be started: ${error.message}\n`);
  process.exit(127);
});
tool.on('exit', (code, signal) => {
  process.exit(code ?? 128 + (signal === null ? 0 : constants.signals[signal]));
});
