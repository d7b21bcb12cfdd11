import type { Command } from '../command.ts';
import { decide } from '../decide.ts';
import { changedFields, editedSpec } from '../edit.ts';
import type { Event } from '../event.ts';
import type { PlacementContext } from '../placement/request.ts';
import type { ClusterState } from '../state.ts';
import { clampMessage } from '../text.ts';
import type { KeptCommand, Outcome } from './message.ts';
import { stillMeant } from './tails.ts';

/** What a master makes of a command. */
export interface Decided {
  /** To be ordered; the first one carries `kept`. */
  readonly events: readonly Event[];
  readonly kept: KeptCommand;
  /** For who asked, once everything ordered so far is safe. */
  readonly outcome: Outcome;
}

/**
 * `decide`, for a person's command or one of a tail. One of a tail that changes nothing leaves an event all the same:
 * others hold it too, and must not be given another answer later, when what refused it is gone [E8].
 * @param ofTail a person was told that it is done, by a side that lost
 */
export function decideKept(
  state: ClusterState,
  kept: KeptCommand,
  ofTail: boolean,
  context: PlacementContext,
): Decided {
  const { command } = kept;
  const generation = generationOf(state, command);
  const known = state.commands.includes(command.commandId);
  if (ofTail && !known && !stillMeant(kept, generation)) {
    const refusal = { code: 'EditConflict', message: conflictOf(state, command) } as const;
    return { events: [settled(command, refusal)], kept, outcome: { type: 'Refused', ...refusal } };
  }
  const own = command.type === 'UpdateMetaInstance' ? { command, baseGeneration: generation } : kept;
  const decided = decide(state, command, context);
  if (decided.ok) {
    const silent = ofTail && !known && decided.value.length === 0;
    const events = silent ? [settled(command, null)] : decided.value;
    return { events, kept: ofTail ? kept : own, outcome: { type: 'Accepted' } };
  }
  const gone = ofTail && isDoneWhenGone(command) && decided.error.code === 'NotFound';
  const refusal = gone ? null : { ...decided.error, message: clampMessage(decided.error.message) };
  const outcome: Outcome = refusal === null ? { type: 'Accepted' } : { type: 'Refused', ...refusal };
  return { events: ofTail && !known ? [settled(command, refusal)] : [], kept, outcome };
}

function settled(
  command: Command,
  refusal: Extract<Event, { type: 'CommandSettled' }>['refusal'],
): Extract<Event, { type: 'CommandSettled' }> {
  const metaInstanceId = 'metaInstanceId' in command ? command.metaInstanceId : null;
  return { type: 'CommandSettled', commandId: command.commandId, metaInstanceId, refusal };
}

/** Both specs, field by field. */
function conflictOf(state: ClusterState, command: Command): string {
  if (command.type !== 'UpdateMetaInstance') return `${command.commandId} came too late`;
  const { metaInstanceId, changes } = command;
  const spec = state.metaInstances[metaInstanceId]?.spec;
  if (spec === undefined) return `${metaInstanceId} is gone`;
  const asked = editedSpec(spec, changes);
  const fields = changedFields(spec, asked).map((field) => {
    return `${field} was to be ${JSON.stringify(asked[field])} and is ${JSON.stringify(spec[field])}`;
  });
  const what = fields.length === 0 ? 'both made it what it is' : fields.join(', ');
  return clampMessage(
    `${metaInstanceId} was edited on both sides while the nodes could not reach each other: ${what}. Edit it again if that is not what you want.`,
  );
}

/** The generation of what a command names; null = it is not there, or the command names nothing. */
function generationOf(state: ClusterState, command: Command): number | null {
  if (!('metaInstanceId' in command)) return null;
  return state.metaInstances[command.metaInstanceId]?.generation ?? null;
}

/** What asks only that something be gone is done when it is, on whichever side of a partition it went. */
function isDoneWhenGone({ type }: Command): boolean {
  const gone: readonly Command['type'][] = [
    'DeleteMetaInstance',
    'DeleteInstance',
    'CancelTask',
    'RemoveNode',
  ];
  return gone.includes(type);
}
