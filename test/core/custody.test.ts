import { describe, expect, test } from 'vitest';
import type { RunnerId } from '../../main/core/id.ts';
import { defaultPolicy } from '../../main/core/policy.ts';
import { Custody } from '../../main/core/worker/custody.ts';

const { nodeGraceMs: graceMs, nodeSilenceMs: silenceMs } = defaultPolicy;
const held = 'chat.g1.p0.i0.r0' as RunnerId;
const levelAt = 1_000;

function level(missing: readonly RunnerId[] = [held]): Custody {
  const custody = new Custody(defaultPolicy);
  custody.join(0);
  custody.level(levelAt, missing);
  return custody;
}

describe('[W12] until a node is level with another master it acts on nothing', () => {
  test('it joins → it is joining, and knows when that ends by itself', () => {
    const custody = new Custody(defaultPolicy);
    custody.join(0);
    expect([custody.isJoining(graceMs - 1), custody.isJoining(graceMs), custody.nextAt]).toEqual([
      true,
      false,
      graceMs,
    ]);
  });

  test('it joins again and again → the grace is not longer for that', () => {
    const custody = new Custody(defaultPolicy);
    custody.join(0);
    custody.join(graceMs - 1);
    expect(custody.isJoining(graceMs)).toBe(false);
  });

  test('the grace is over before it is level → what its log lacks is kept from then on', () => {
    const custody = new Custody(defaultPolicy);
    custody.join(0);
    custody.look(graceMs, [held]);
    expect([custody.isJoining(graceMs), [...custody.kept], custody.offers(held, graceMs)]).toEqual([
      false,
      [held],
      true,
    ]);
  });

  test('it is level → it acts at once', () => {
    expect(level().isJoining(levelAt)).toBe(false);
  });
});

describe('[W13] what the log lacks is kept for a while', () => {
  test('level with the new master → offered for the grace, kept a silence time longer, then not', () => {
    const custody = level();
    const at = (ms: number): unknown => {
      custody.look(levelAt + ms, [held]);
      return [custody.offers(held, levelAt + ms), custody.kept.has(held)];
    };
    expect([0, graceMs - 1, graceMs, graceMs + silenceMs - 1, graceMs + silenceMs].map(at)).toEqual([
      [true, true],
      [true, true],
      [false, true],
      [false, true],
      [false, false],
    ]);
    expect(custody.nextAt).toBeUndefined();
  });

  test('its Instance came into the log, or it ended → nothing is kept', () => {
    const custody = level();
    custody.look(levelAt + 1, []);
    expect([[...custody.kept], custody.nextAt]).toEqual([[], undefined]);
  });

  test('no other master, its Instance was deleted → it is not kept', () => {
    const custody = new Custody(defaultPolicy);
    custody.look(levelAt, [held]);
    expect([...custody.kept]).toEqual([]);
  });

  test('level anew with another master → the time begins anew', () => {
    const custody = level();
    custody.join(levelAt + graceMs);
    custody.level(levelAt + graceMs, [held]);
    expect(custody.offers(held, levelAt + 2 * graceMs - 1)).toBe(true);
  });
});
