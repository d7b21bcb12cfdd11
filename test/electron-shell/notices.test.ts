import { describe, expect, it } from 'vitest';
import type { Event } from '../../main/core/event.ts';
import type { MetaInstanceId } from '../../main/core/id.ts';
import { Notices } from '../../main/electron/notices.ts';
import {
  chat,
  created,
  deleting,
  failure,
  gaveUp,
  given,
  notPlaced,
  onOneNode,
  runner,
  taskStarted,
  updated,
} from '../support/core-builders.ts';

const ready: readonly Event[] = [...onOneNode, runner('Ready')];
const readyNotice = { metaInstanceId: chat, title: 'chat is ready', text: 'Tiny answers now.' };

describe('what a person is told who asked for a model', () => {
  it.each([
    ['it answers', ready, [readyNotice]],
    ['it answers already', [...ready, taskStarted()], [readyNotice]],
    [
      'it has failed for good',
      [...onOneNode, runner(failure()), gaveUp],
      [{ metaInstanceId: chat, title: 'chat has failed', text: expect.any(String) }],
    ],
    [
      'it finds no place',
      [created(), notPlaced('NotEnoughMemory', 'No node has room for it.')],
      [{ metaInstanceId: chat, title: 'chat finds no place', text: 'No node has room for it.' }],
    ],
    ['it was paused meanwhile', [...ready, updated({ paused: true })], []],
    ['it is being deleted', [...ready, deleting], []],
    ['it is gone', [], []],
  ])('given %s, it is told once and not again', (_name, events, notices) => {
    const state = given(...events);
    const told = new Notices();
    told.await(chat);
    expect(told.review(state)).toEqual(notices);
    expect(told.review(state)).toEqual([]);
    expect(told.review(given(...ready))).toEqual([]);
  });

  it('given it is still on its way, it is told when it is there', () => {
    const told = new Notices();
    told.await(chat);
    expect(told.review(given(...onOneNode))).toEqual([]);
    expect(told.review(given(...ready))).toEqual([readyNotice]);
  });

  it('given nobody asked for it here, nothing is told', () => {
    expect(new Notices().review(given(...ready))).toEqual([]);
  });

  it('given it is asked for again, it is told again', () => {
    const told = new Notices();
    for (let round = 0; round < 2; round += 1) {
      told.await(chat);
      expect(told.review(given(...ready))).toEqual([readyNotice]);
    }
  });

  it('given more than anybody waits for, the oldest are forgotten, and asking again makes one young', () => {
    const await64 = (told: Notices): void => {
      for (let count = 0; count < 63; count += 1) told.await(`other-${count}` as MetaInstanceId);
    };
    const forgotten = new Notices();
    forgotten.await(chat);
    await64(forgotten);
    forgotten.await('one-more' as MetaInstanceId);
    expect(forgotten.review(given(...ready))).toEqual([]);
    const young = new Notices();
    young.await(chat);
    await64(young);
    young.await(chat);
    young.await('one-more' as MetaInstanceId);
    expect(young.review(given(...ready))).toEqual([readyNotice]);
  });
});
