import type { Report } from '../admit.ts';
import type { Command } from '../command.ts';
import type { Outcome } from '../election/message.ts';
import type { Holding } from '../holding.ts';
import type { CommandId } from '../id.ts';
import type { NodeTelemetry, RunnerTelemetry } from '../telemetry.ts';
import type { Link } from '../topology.ts';

/** The nodes' own words, carried over the routes of the election. At most once, in no order. */
export type Parcel =
  /** Asked at that node; asked again until it is answered, its id makes that safe. */
  | { readonly type: 'Command'; readonly command: Command }
  | { readonly type: 'Reply'; readonly commandId: CommandId; readonly outcome: Outcome }
  /** What the sender's state lacks of what is so on it [V3]. */
  | {
      readonly type: 'Reports';
      readonly sessionId: string;
      /** Rises within the session: what is overtaken is dropped. */
      readonly sequence: number;
      readonly reports: readonly Report[];
    }
  /** Each report up to that number was ordered or dropped; the sender knows what came of it once it has that index. */
  | { readonly type: 'Taken'; readonly sessionId: string; readonly sequence: number; readonly index: number }
  | {
      readonly type: 'Telemetry';
      readonly node: NodeTelemetry;
      readonly runners: readonly RunnerTelemetry[];
      readonly links: readonly Link[];
      readonly holding: Holding;
    };
