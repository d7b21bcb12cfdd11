import { fileURLToPath } from 'node:url';
import type { FakeEngineScript } from './fake-engine.ts';

export const SCRIPT_VARIABLE = 'SKEIN_FAKE_RUNNER';
export const fakeRunnerEntry = fileURLToPath(new URL('fake-runner.ts', import.meta.url));

export interface FakeRunnerScript {
  readonly atStart?:
    'exit' | 'mute' | 'garbage' | 'strange' | 'endless' | 'flood' | 'environment' | 'chatter';
  /** Takes no notice of SIGTERM. */
  readonly deafToTerm?: boolean;
  readonly engine?: Partial<FakeEngineScript>;
}

/** The environment that makes a fake runner follow a script. */
export function scripted(script: FakeRunnerScript): Record<string, string> {
  return { [SCRIPT_VARIABLE]: JSON.stringify(script) };
}
