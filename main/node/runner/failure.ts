import type { RunnerFailure, RunnerPhase } from '../../core/instance.ts';
import { unreachable } from '../../core/result.ts';
import type { RunnerExit } from './host.ts';

/** What is known of a failure before the process is gone. */
export interface FailureCause {
  readonly reason: RunnerFailure['reason'];
  readonly phase: RunnerPhase;
  /** Sentences for people, without the exit and the last words. */
  readonly message: string;
}

const MAX_MESSAGE = 8192;
const MAX_CAUSE = 4096;
const TAIL_LINES = 8;
const TAIL_CHARACTERS = 2048;

/** What would act on the terminal that shows a failure: a model file may name a tensor as it likes. */
const controls = /[^\P{Cc}\n\t]/gu;

const signalMeanings: Readonly<Record<string, string>> = {
  SIGKILL: 'killed, by someone or by the system for want of memory',
  SIGSEGV: 'it touched memory that is not its own',
  SIGBUS: 'it touched memory that is not there',
  SIGABRT: 'it gave up on itself',
  SIGILL: 'it met an instruction this processor does not know',
  SIGFPE: 'an arithmetic fault',
  SIGTRAP: 'it stopped itself on a fault',
  SIGTERM: 'somebody asked it to end',
  SIGINT: 'somebody interrupted it',
};

/** Where in its life, as the start of a sentence: `While loading the model (12 of 30 layers done)`. */
export function describePhase(phase: RunnerPhase, layersLoaded: number, totalLayers: number): string {
  switch (phase) {
    case 'Starting':
      return 'While starting';
    case 'Connecting':
      return 'While connecting to its peers';
    case 'Loading':
      return totalLayers === 0
        ? 'While loading the model'
        : `While loading the model (${layersLoaded} of ${totalLayers} layers done)`;
    case 'WarmingUp':
      return 'While warming up';
    case 'Serving':
      return 'While serving';
    case 'ShuttingDown':
      return 'While shutting down';
    default:
      return unreachable(phase);
  }
}

/** The cause of an end nobody had announced. */
function causeOfExit(exit: RunnerExit, phase: RunnerPhase, where: string): FailureCause {
  switch (exit.type) {
    case 'SpawnFailed':
      return {
        reason: 'SpawnFailed',
        phase,
        message: `The runner process could not be started: ${exit.message}.`,
      };
    case 'Exited':
      return {
        reason: 'Exited',
        phase,
        message: `${where} the runner process ended by itself with exit code ${exit.code}.`,
      };
    case 'Signalled':
      return {
        reason: 'Crashed',
        phase,
        message: `${where} the runner process was ended by signal ${exit.signal}${meaning(exit.signal)}.`,
      };
    default:
      return unreachable(exit);
  }
}

/** Of a runner that was asked to end. */
export const killedWhileStopping: FailureCause = {
  reason: 'PhaseTimeout',
  phase: 'ShuttingDown',
  message: 'The runner process did not stop when asked and had to be killed.',
};

/** What an end comes to; undefined = it ended as it was asked to. */
export function failureOfExit(
  exit: RunnerExit,
  { phase, where, killed }: { readonly phase: RunnerPhase; readonly where: string; readonly killed: boolean },
): FailureCause | undefined {
  if (phase === 'ShuttingDown') {
    if (exit.type === 'Exited' && exit.code === 0) return undefined;
    if (killed) return killedWhileStopping;
    if (exit.type === 'Signalled' && exit.signal === 'SIGTERM') return undefined;
  }
  return causeOfExit(exit, phase, where);
}

function meaning(signal: string): string {
  const words = signalMeanings[signal];
  return words === undefined ? '' : ` (${words})`;
}

/** The failure as it is published: what happened, where, and the process's last words. */
export function composeFailure(cause: FailureCause, stderrTail: string): RunnerFailure {
  const message = cause.message.slice(0, MAX_CAUSE).replaceAll(controls, '\uFFFD');
  const lastWords = lastLines(stderrTail).replaceAll(controls, '\uFFFD');
  return {
    reason: cause.reason,
    phase: cause.phase,
    message: `${message}${lastWords === '' ? '' : `\nIts last words:\n${lastWords}`}`.slice(0, MAX_MESSAGE),
  };
}

function lastLines(tail: string): string {
  const lines = tail
    .split(/\r?\n/)
    .map((line) => line.trimEnd())
    .filter((line) => line !== '');
  return lines.slice(-TAIL_LINES).join('\n').slice(-TAIL_CHARACTERS);
}
