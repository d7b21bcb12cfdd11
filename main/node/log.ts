/** Log lines for people: one sentence, with the ids it is about. Never secrets. */
export interface Log {
  debug(message: string, about?: Readonly<Record<string, unknown>>): void;
  info(message: string, about?: Readonly<Record<string, unknown>>): void;
  warn(message: string, about?: Readonly<Record<string, unknown>>): void;
  error(message: string, about?: Readonly<Record<string, unknown>>): void;
}

export const logLevels = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

/** Writes `HH:MM:SS level message key=value …` lines, each through `write`, from `level` upward. */
export function createLog(init: {
  readonly level: LogLevel;
  readonly now: () => number;
  readonly write: (line: string) => void;
}): Log {
  const threshold = logLevels.indexOf(init.level);
  const line =
    (level: Exclude<LogLevel, 'silent'>) =>
    (message: string, about: Readonly<Record<string, unknown>> = {}): void => {
      if (logLevels.indexOf(level) < threshold) return;
      const time = new Date(init.now()).toISOString().slice(11, 19);
      const details = Object.entries(about).map(([key, value]) => ` ${key}=${format(value)}`);
      init.write(`${time} ${level.padEnd(5)} ${message}${details.join('')}\n`);
    };
  return { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') };
}

function format(value: unknown): string {
  if (value instanceof Error) return JSON.stringify(value.message);
  const text = typeof value === 'string' ? value : String(JSON.stringify(value));
  return /[\s"]/.test(text) && typeof value === 'string' ? JSON.stringify(text) : text;
}
