import { describe, expect, it } from 'vitest';
import { placeWindow, WindowState } from '../../main/electron/window-state.ts';

const main = { x: 0, y: 25, width: 1_440, height: 875 };
const right = { x: 1_440, y: 0, width: 1_920, height: 1_080 };
const left = { x: -1_920, y: 0, width: 1_920, height: 1_080 };
const kept = (changes: Partial<WindowState> = {}): WindowState => ({
  x: 100,
  y: 100,
  width: 900,
  height: 600,
  isMaximized: false,
  isFullScreen: false,
  ...changes,
});
const first = { x: 130, y: 73, width: 1_180, height: 780, isMaximized: false, isFullScreen: false };

describe('where the window opens', () => {
  it.each([
    ['a first start', undefined, [main], first],
    ['a place on the main display', kept(), [main], kept()],
    ['a place on a second display', kept({ x: 2_000 }), [main, right], kept({ x: 2_000 })],
    ['a place on a display at the left', kept({ x: -1_800 }), [main, left], kept({ x: -1_800 })],
    [
      'a display that is gone → in the middle of the main one',
      kept({ x: 2_000 }),
      [main],
      kept({ x: 270, y: 163 }),
    ],
    ['a sliver that nobody can get hold of', kept({ x: 1_440 - 79 }), [main], kept({ x: 270, y: 163 })],
    ['just enough of it', kept({ x: 1_440 - 80 }), [main], kept({ x: 1_440 - 80 })],
    ['a title below the display', kept({ y: 860 }), [main], kept({ x: 270, y: 163 })],
    ['a title under the menubar', kept({ y: 0 }), [main], kept({ y: 25 })],
    [
      'larger than its display',
      kept({ width: 5_000, height: 4_000 }),
      [main],
      kept({ width: 1_440, height: 875 }),
    ],
    ['smaller than it can be', kept({ width: 200, height: 200 }), [main], kept({ width: 380, height: 480 })],
    ['maximized, it is so again', kept({ isMaximized: true }), [main], kept({ isMaximized: true })],
    ['full screen, it is so again', kept({ isFullScreen: true }), [main], kept({ isFullScreen: true })],
    ['no display, as between two', undefined, [], { ...first, x: 0, y: 0 }],
  ])('given %s', (_name, state, areas, expected) => {
    expect(placeWindow(state, areas)).toEqual(expected);
  });

  it('given a display smaller than the least window, it begins at the edge of the least size', () => {
    const { width, height } = placeWindow(undefined, [{ x: 0, y: 0, width: 300, height: 300 }]);
    expect([width, height]).toEqual([380, 480]);
  });
});

describe('what was kept of a window', () => {
  it.each([
    ['as it is written', kept(), true],
    ['half a pixel', kept({ x: 0.5 }), false],
    ['no width', kept({ width: 0 }), false],
    ['not a number', { ...kept(), y: 'top' }, false],
    ['of another Skein', { ...kept(), more: 1 }, false],
    ['nothing', undefined, false],
  ])('given %s, it counts or does not', (_name, value, counts) => {
    expect(WindowState.safeParse(value).success).toBe(counts);
  });
});
