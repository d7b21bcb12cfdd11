import type { Command } from '../command.ts';
import type { Epoch } from '../election/epoch.ts';
import type { Outcome } from '../election/message.ts';
import type { Event } from '../event.ts';
import type { CommandId, RunnerId } from '../id.ts';
import type { RunnerStatus } from '../instance.ts';
import type { WorkerAction } from '../worker/plan.ts';
import type { Step } from './step.ts';

/** One thing that happened in a simulation; `node` is a friendly name. */
export type Happening =
  /** A step of the scenario, with what came of it where it could not do what it says. */
  | { readonly type: 'step'; readonly step: Step; readonly note?: string }
  | { readonly type: 'command'; readonly node: string; readonly command: Command }
  | {
      readonly type: 'reply';
      readonly node: string;
      readonly commandId: CommandId;
      readonly outcome: Outcome;
    }
  | {
      readonly type: 'unanswered';
      readonly node: string;
      readonly commandId: CommandId;
      readonly why: string;
    }
  /** Ordered by that master. It counts once it is on disk. */
  | {
      readonly type: 'event';
      readonly node: string;
      readonly index: number;
      readonly epoch: Epoch;
      readonly event: Event;
    }
  | {
      readonly type: 'role';
      readonly node: string;
      readonly role: 'Master' | 'Following' | 'None';
      readonly epoch?: Epoch;
    }
  | { readonly type: 'cut'; readonly node: string; readonly after: number; readonly tailId: string }
  | { readonly type: 'install'; readonly node: string; readonly index: number }
  | {
      readonly type: 'settled';
      readonly node: string;
      readonly commandId: CommandId;
      readonly outcome: Outcome;
    }
  | {
      readonly type: 'action';
      readonly node: string;
      readonly action: WorkerAction['type'];
      readonly of: string;
    }
  | {
      readonly type: 'runner';
      readonly node: string;
      readonly runnerId: RunnerId;
      readonly status: RunnerStatus;
    }
  | { readonly type: 'node'; readonly node: string; readonly text: string }
  | { readonly type: 'violation'; readonly rule: string; readonly message: string };

/** A happening and when: ms since the beginning, rounded to whole ones. */
export type TraceEntry = { readonly atMs: number } & Happening;

/** A rule that did not hold. */
export interface Violation {
  readonly atMs: number;
  /** Stable word, e.g. `LogsDiffer`. */
  readonly rule: string;
  readonly message: string;
}
