/** What is asked of the computer; `run` rejects when a program fails or takes too long. */
export interface NameSources {
  readonly platform: NodeJS.Platform;
  readonly hostname: () => string;
  readonly run: (file: string, args: readonly string[], timeoutMs: number) => Promise<string>;
}

const LONGEST_NAME = 255;
const SCUTIL_TIMEOUT_MS = 2_000;

/** The name that people gave their computer: on macOS the one of its sharing settings, else the host's. Never rejects. */
export async function friendlyName(sources: NameSources): Promise<string> {
  const given = sources.platform === 'darwin' ? await computerName(sources) : '';
  const host = sources.hostname().replace(/\.(local|lan)$/, '');
  return clean(given) || clean(host) || 'Unnamed computer';
}

async function computerName({ run }: NameSources): Promise<string> {
  try {
    return await run('/usr/sbin/scutil', ['--get', 'ComputerName'], SCUTIL_TIMEOUT_MS);
  } catch {
    // Not set, or no answer in time: the host's name does.
    return '';
  }
}

/** One line without control characters, cut between characters. */
function clean(name: string): string {
  const line = name.replaceAll(/[\p{Cc}\p{Cs}]+/gu, ' ').trim();
  return [...line].reduce(
    (kept, character) => (kept.length + character.length > LONGEST_NAME ? kept : kept + character),
    '',
  );
}
