import { dialog } from 'electron';
import { MINUTE } from '../core/unit.ts';
import type { Clock } from '../node/clock.ts';

/** How long a person's "when done" waits for chats before the app quits all the same. */
const DONE_MS = 10 * MINUTE;
const LOOK_MS = 250;

/** What a person answers when chats would be cut off. */
export type QuitAnswer = 'WhenDone' | 'Now' | 'Stay';

const answers: readonly QuitAnswer[] = ['WhenDone', 'Now', 'Stay'];

export async function askBeforeQuit(chats: number): Promise<QuitAnswer> {
  const { response } = await dialog.showMessageBox({
    type: 'question',
    message: chats === 1 ? 'A chat is being answered.' : `${chats} chats are being answered.`,
    detail: 'If Skein quits now, they end where they are. Models that run on other computers go on.',
    buttons: ['Quit When Done', 'Quit Now', 'Cancel'],
    defaultId: 0,
    cancelId: 2,
  });
  return answers[response] ?? 'Stay';
}

/** Resolves with true once no chat is left, or when it took too long; with false when `isWanted` says no more. */
export async function whenDone(
  clock: Clock,
  init: { readonly chats: () => number; readonly isWanted: () => boolean },
): Promise<boolean> {
  const deadline = clock.monotonic() + DONE_MS;
  while (init.isWanted() && init.chats() > 0 && clock.monotonic() < deadline) {
    await new Promise<void>((resolve) => void clock.after(LOOK_MS, resolve));
  }
  return init.isWanted();
}
