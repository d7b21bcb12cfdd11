/** Longest message for people that an event may carry, in UTF-16 units. */
export const MAX_MESSAGE = 8_192;

const CUT = ' … (cut)';

/** A text as an event may carry it: whoever makes one for an event clamps it, or the log refuses it when it is read again [S5]. */
export function clampMessage(text: string): string {
  return text.length <= MAX_MESSAGE ? text : `${text.slice(0, MAX_MESSAGE - CUT.length)}${CUT}`;
}
