import { RunnerReport } from '../../core/contract/runner.ts';
import { SECOND } from '../../core/unit.ts';
import type { Clock } from '../clock.ts';
import type { RunnerBounds } from './defaults.ts';
import type { RunnerProcessListener } from './host.ts';

/** Reads what one runner says. One text that is no report spoils all that follow: they are dropped. */
export class ReportReader {
  readonly #clock: Clock;
  readonly #bounds: RunnerBounds;
  readonly #listener: RunnerProcessListener;
  #broken = false;
  #windowStartedAt: number;
  #reportsInWindow = 0;

  constructor(
    { clock, listener }: { readonly clock: Clock; readonly listener: RunnerProcessListener },
    { bounds }: { readonly bounds: RunnerBounds },
  ) {
    this.#clock = clock;
    this.#bounds = bounds;
    this.#listener = listener;
    this.#windowStartedAt = clock.monotonic();
  }

  get broken(): boolean {
    return this.#broken;
  }

  /** False when the text ends the conversation. */
  take(text: string): boolean {
    if (this.#broken) return false;
    const parsed = RunnerReport.safeParse(parseJson(text));
    if (this.#isFlood()) {
      this.break(`more than ${this.#bounds.maxReportsPerSecond} reports in a second`);
    } else if (parsed.success) {
      this.#listener.onReport(parsed.data);
    } else {
      this.break(`${JSON.stringify(text.slice(0, 200))} (${firstIssue(parsed.error)})`);
    }
    return !this.#broken;
  }

  /** What follows is read and dropped, so that the runner never blocks on us. Told once. */
  break(problem: string): void {
    if (this.#broken) return;
    this.#broken = true;
    this.#listener.onBrokenReport(problem);
  }

  #isFlood(): boolean {
    const now = this.#clock.monotonic();
    if (now - this.#windowStartedAt >= SECOND) {
      this.#windowStartedAt = now;
      this.#reportsInWindow = 0;
    }
    this.#reportsInWindow += 1;
    return this.#reportsInWindow > this.#bounds.maxReportsPerSecond;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function firstIssue(error: { readonly issues: readonly { path: PropertyKey[]; message: string }[] }): string {
  const issue = error.issues[0];
  return issue === undefined ? 'not valid' : `${issue.path.join('.')} ${issue.message}`.trim();
}
