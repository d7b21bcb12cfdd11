/** What the exit codes of `skein` mean; printed by `--help`, so they never change. */
export const exitCodes = {
  ok: 0,
  failed: 1,
  usage: 2,
  unreachable: 3,
  notFound: 4,
  refused: 5,
  interrupted: 130,
} as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** Ends a command with a message for people on stderr. */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode, message: string) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** @param status of HTTP, 400 or more */
export function exitCodeFor(status: number): ExitCode {
  if (status === 404) return exitCodes.notFound;
  if (status === 403 || status === 409 || status === 429 || status === 503) return exitCodes.refused;
  return status < 500 ? exitCodes.usage : exitCodes.failed;
}
