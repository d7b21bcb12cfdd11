import { aboutOf, type Report } from '../../core/admit.ts';
import { MOST_REPORTS, type Parcel } from '../../core/contract/peer.ts';
import type { NodeId } from '../../core/id.ts';
import { SECOND } from '../../core/unit.ts';
import type { Clock } from '../clock.ts';

type Reports = Extract<Parcel, { type: 'Reports' }>;
type Taken = Extract<Parcel, { type: 'Taken' }>;

export interface ReporterInit {
  readonly sessionId: string;
  /** Whom to tell; null = nobody leads, and what is so is told to the next one. */
  readonly master: () => NodeId | null;
  /** Index of the last event that this node has applied. */
  readonly applied: () => number;
  /** Brings this node closer to what the state wants, before it is said how far it got. */
  readonly act: () => void;
  /** What is so here and the state lacks, as long as it would be admitted [V3]. */
  readonly reports: () => readonly Report[];
  /** May get lost. */
  readonly send: (master: NodeId, parcel: Reports) => void;
}

const RESEND_MS = SECOND;
/** Answers kept until this node has the log up to there. */
const MOST_TAKEN = 64;

/**
 * Tells the master what the log lacks of what is so on this node: by level, numbered within the session, again until the
 * log has it, and again to each new master.
 */
export class Reporter {
  readonly #clock: Clock;
  readonly #init: ReporterInit;
  #scheduled = false;
  #sequence = 0;
  readonly #sent = new Map<string, { readonly text: string; readonly at: number; readonly to: NodeId }>();
  /** By what it is about: the number of the newest report whose outcome is not known here. */
  readonly #inFlight = new Map<string, number>();
  #taken: Taken[] = [];
  #cancelResend: (() => void) | null = null;
  #closed = false;

  constructor(components: { readonly clock: Clock }, init: ReporterInit) {
    this.#clock = components.clock;
    this.#init = init;
  }

  /** Looks again soon; many calls in one turn are one look. */
  look(): void {
    if (this.#scheduled || this.#closed) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      if (!this.#closed) this.#lookNow();
    });
  }

  /** Whether a report about it is under way and its outcome not known here. */
  isReported(about: string): boolean {
    return this.#inFlight.has(about);
  }

  /** This node is level with a new master: what the last one was told is its own business now. */
  onNewMaster(): void {
    this.#sent.clear();
    this.#inFlight.clear();
    this.#taken = [];
    this.look();
  }

  /** The master's answer. */
  taken(answer: Taken): void {
    if (answer.sessionId !== this.#init.sessionId || answer.sequence > this.#sequence) return;
    // Each counts for those before it too, so that the newest are enough.
    this.#taken = [...this.#taken, answer].slice(-MOST_TAKEN);
    this.look();
  }

  /** May be called twice. */
  close(): void {
    this.#closed = true;
    this.#cancelResend?.();
  }

  #lookNow(): void {
    this.#settle();
    this.#init.act();
    this.#tell(this.#init.reports());
  }

  /** What a report came to is known here once this node has the log up to there. */
  #settle(): void {
    const applied = this.#init.applied();
    const known = this.#taken.filter(({ index }) => index <= applied);
    if (known.length === 0) return;
    const through = Math.max(...known.map(({ sequence }) => sequence));
    this.#taken = this.#taken.filter(({ index }) => index > applied);
    for (const [about, sequence] of this.#inFlight) if (sequence <= through) this.#inFlight.delete(about);
  }

  #tell(reports: readonly Report[]): void {
    const master = this.#init.master();
    if (master === null || reports.length === 0) return;
    const now = this.#clock.monotonic();
    const due = reports.flatMap((report) => {
      const text = JSON.stringify(report);
      const sent = this.#sent.get(aboutOf(report));
      const fresh = sent?.to !== master || sent.text !== text || now >= sent.at + RESEND_MS;
      return fresh ? [{ report, text }] : [];
    });
    this.#resendLater();
    if (due.length === 0) return;
    const parcel = due.slice(0, MOST_REPORTS);
    this.#forgetOthers(reports);
    this.#sequence += 1;
    for (const { report, text } of parcel) {
      this.#sent.set(aboutOf(report), { text, at: now, to: master });
      this.#inFlight.set(aboutOf(report), this.#sequence);
    }
    const { sessionId } = this.#init;
    const told = parcel.map(({ report }) => report);
    if (parcel.length < due.length) this.look();
    this.#init.send(master, { type: 'Reports', sessionId, sequence: this.#sequence, reports: told });
  }

  /** What is not to be said any more need not be remembered as said. */
  #forgetOthers(reports: readonly Report[]): void {
    const due = new Set(reports.map(aboutOf));
    for (const about of this.#sent.keys()) if (!due.has(about)) this.#sent.delete(about);
  }

  #resendLater(): void {
    if (this.#cancelResend !== null) return;
    this.#cancelResend = this.#clock.after(RESEND_MS, () => {
      this.#cancelResend = null;
      this.look();
    });
  }
}
