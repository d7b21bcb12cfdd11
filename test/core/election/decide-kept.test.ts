import { expect, test } from 'vitest';
import { apply } from '../../../main/core/apply/index.ts';
import type { Command } from '../../../main/core/command.ts';
import { decideKept } from '../../../main/core/election/decide-kept.ts';
import type { KeptCommand } from '../../../main/core/election/message.ts';
import type { Event } from '../../../main/core/event.ts';
import type { CommandId } from '../../../main/core/id.ts';
import { ClusterState, REMEMBERED_COMMANDS } from '../../../main/core/state.ts';
import { card, spec } from '../../support/builders.ts';
import {
  chat,
  context,
  created,
  deleted,
  deleting,
  given,
  theChat,
  updated,
} from '../../support/core-builders.ts';

const id = (text: string): CommandId => text as CommandId;
const create: Command = {
  type: 'CreateMetaInstance',
  commandId: id('c1'),
  metaInstanceId: chat,
  spec: spec(),
  card: card(),
};
const remove: Command = { type: 'DeleteMetaInstance', commandId: id('c2'), metaInstanceId: chat };
const edit: Command = {
  type: 'UpdateMetaInstance',
  commandId: id('c3'),
  metaInstanceId: chat,
  changes: { contextLength: 64 },
};
const kept = (command: Command, baseGeneration: number | null = null): KeptCommand => ({
  command,
  baseGeneration,
});

/** Decides it as one of a tail, and orders what comes of it as a master does. */
function settle(state: ClusterState, command: KeptCommand, ofTail = true): [ClusterState, string] {
  const { events, outcome } = decideKept(state, command, ofTail, context());
  const { commandId } = command.command;
  const next = events.reduce<ClusterState>((before, event, at) => {
    const index = before.lastIndex + 1;
    return apply(before, { index, at: 1, event, ...(at === 0 && { commandId }) });
  }, state);
  return [next, outcome.type === 'Accepted' ? outcome.type : outcome.code];
}

test('[E8] a command of a tail that was refused is refused again, also when what refused it is gone', () => {
  const [refusing, first] = settle(given(created()), kept(create));
  const gone = apply(apply(refusing, indexed(refusing, deleting)), indexed(refusing, deleted, 2));
  const [after, second] = settle(gone, kept(create));
  expect([first, second]).toEqual(['AlreadyExists', 'AlreadyExists']);
  expect(after).toBe(gone);
  expect(settle(gone, kept(create), false)[1]).toBe('AlreadyExists');
});

test('[E8] a delete of a tail that found nothing to delete does not delete what is made later', () => {
  const [settled, first] = settle(given(), kept(remove));
  const made = apply(settled, indexed(settled, created()));
  const [after, second] = settle(made, kept(remove));
  expect([first, second]).toEqual(['Accepted', 'Accepted']);
  expect(theChat(after).deleting).toBe(false);
});

test('[E8] an edit that both sides made is refused, shows both specs, and is shown until a person edits again', () => {
  const edited = given(created(), updated({ contextLength: 128 }));
  const [after, outcome] = settle(edited, kept(edit, 1));
  expect(outcome).toBe('EditConflict');
  const shown = theChat(after).status.conditions.EditConflict;
  expect(shown).toMatchObject({ status: 'True', reason: 'EditedOnBothSides' });
  expect(shown?.message).toContain('contextLength was to be 64 and is 128');
  const seen = apply(after, indexed(after, updated({ contextLength: 256 })));
  expect(theChat(seen).status.conditions.EditConflict).toMatchObject({ status: 'False' });
  expect(settle(after, kept(edit, 1))).toEqual([after, 'EditConflict']);
});

test('[E8] what nobody was told is decided anew each time', () => {
  const [state, refused] = settle(given(created()), kept(create), false);
  expect(refused).toBe('AlreadyExists');
  expect(state).toEqual(given(created()));
});

test('[E8, S4] refusals are remembered as long as their commands, and their state is one that a snapshot may hold', () => {
  let state = given(created());
  for (let count = 0; count < REMEMBERED_COMMANDS + 10; count += 1) {
    [state] = settle(state, kept({ ...create, commandId: id(`r${count}`) }));
  }
  expect(Object.keys(state.refusals).length).toBeLessThanOrEqual(REMEMBERED_COMMANDS + 1);
  expect(state.refusals[id('r0')]).toBeUndefined();
  expect(ClusterState.parse(JSON.parse(JSON.stringify(state)))).toEqual(state);
  const { refusals: _, ...older } = given(created());
  expect(ClusterState.parse(older)).toEqual(given(created()));
});

const indexed = (state: ClusterState, event: Event, ahead = 1): Parameters<typeof apply>[1] => ({
  index: state.lastIndex + ahead,
  at: 1,
  event,
});
