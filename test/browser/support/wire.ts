import type { Page } from 'playwright';
import type { ClientFrame, ServerFrame } from '../../../main/core/contract/ipc-wire.ts';

/** What stands between a page and its node: it may answer for the node, or change what that says. */
export interface Wire {
  /** True = it has answered; otherwise the node does. */
  readonly ask?: (frame: ClientFrame, answer: (frame: ServerFrame) => void) => boolean;
  /** What the node says, as the page is to hear it. */
  readonly tell?: (frame: ServerFrame) => ServerFrame;
}

/** Puts a wire between a page that is still blank and whatever node it will show. */
export async function tap(page: Page, { ask, tell }: Wire): Promise<void> {
  await page.routeWebSocket(/\/ipc$/, (socket) => {
    const node = socket.connectToServer();
    const answer = (frame: ServerFrame): void => socket.send(JSON.stringify(frame));
    socket.onMessage((text) => {
      if (ask?.(JSON.parse(String(text)) as ClientFrame, answer) !== true) node.send(text);
    });
    node.onMessage((text) => {
      if (tell === undefined) socket.send(text);
      else answer(tell(JSON.parse(String(text)) as ServerFrame));
    });
  });
}
