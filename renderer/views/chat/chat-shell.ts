import { createContext, useContext } from 'react';
import type { Target } from '../../stores/chat/targets.ts';

/** What is said at the edge of the window for a while. */
export interface Notice {
  readonly text: string;
  readonly action?: { readonly label: string; readonly run: () => void };
}

/** What the chat needs of the page around it. */
export interface ChatShell {
  /** Whom one can talk to now; null = the page has yet to hear. */
  readonly targets: readonly Target[] | null;
  readonly tell: (notice: Notice) => void;
  /** Opens the dialog that runs a model. */
  readonly runModel: () => void;
  /** Shows what runs, with what is wrong with it. */
  readonly showTarget: () => void;
}

export const ChatShellContext = createContext<ChatShell | null>(null);

export function useChatShell(): ChatShell {
  const shell = useContext(ChatShellContext);
  if (shell === null) throw new Error('The chat stands outside its page.');
  return shell;
}
