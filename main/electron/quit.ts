import { dialog } from 'electron';

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
