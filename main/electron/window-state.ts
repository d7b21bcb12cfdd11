import { z } from 'zod';

/** Where the main window was left, in device-independent pixels. */
export const WindowState = z.strictObject({
  x: z.int(),
  y: z.int(),
  width: z.int().min(1),
  height: z.int().min(1),
  isMaximized: z.boolean(),
  isFullScreen: z.boolean(),
});
export type WindowState = z.infer<typeof WindowState>;

export interface Rectangle {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export const LEAST_WIDTH = 380;
export const LEAST_HEIGHT = 480;
const WIDTH = 1_180;
const HEIGHT = 780;

/** So much of a window must be on some display for a person to get hold of it. */
const GRIP = 80;

/**
 * Where a window opens: as it was left when some display still shows enough of it, else in the middle of the first.
 * @param areas of the displays without menubar and Dock, the main one first
 */
export function placeWindow(kept: WindowState | undefined, areas: readonly Rectangle[]): WindowState {
  const main = areas[0] ?? { x: 0, y: 0, width: WIDTH, height: HEIGHT };
  const area = kept === undefined ? main : (areas.find((each) => shows(each, kept)) ?? main);
  const width = clamp(kept?.width ?? WIDTH, LEAST_WIDTH, area.width);
  const height = clamp(kept?.height ?? HEIGHT, LEAST_HEIGHT, area.height);
  const isKept = kept !== undefined && shows(area, kept);
  return {
    x: isKept ? kept.x : area.x + Math.round((area.width - width) / 2),
    y: isKept ? Math.max(area.y, kept.y) : area.y + Math.round((area.height - height) / 2),
    width,
    height,
    isMaximized: kept?.isMaximized ?? false,
    isFullScreen: kept?.isFullScreen ?? false,
  };
}

const clamp = (value: number, least: number, most: number): number =>
  Math.max(least, Math.min(value, Math.max(least, most)));

function shows(area: Rectangle, window: Rectangle): boolean {
  const across = Math.min(area.x + area.width, window.x + window.width) - Math.max(area.x, window.x);
  const titleIsIn = window.y >= area.y - GRIP && window.y < area.y + area.height - GRIP;
  return across >= GRIP && titleIsIn;
}
