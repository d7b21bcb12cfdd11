import type { AnswerMessage, ChatItem, ChatParams } from '../../../main/core/contract/ipc-conversation.ts';
import { MessageId } from '../../../main/core/contract/ipc-conversation.ts';
import type { Wire } from './wire.ts';

/** What is said, and the pause before the next piece; the pace of a model that no test machine could run. */
export interface Piece {
  readonly text: string;
  readonly tokens: number;
  readonly thenMs: number;
}

/** A wire that answers chats itself, with whatever a model could say; everything else is the node's. */
export function sayingWire(pieces: () => Iterable<Piece>): Wire {
  let count = 0;
  return {
    ask(frame, answer) {
      if (frame.type !== 'Open' || frame.stream !== 'chat') return false;
      const { id } = frame;
      const params = frame.params as ChatParams;
      const item = (said: ChatItem): void => answer({ type: 'Item', id, item: said });
      const messageId = (): MessageId => MessageId.parse(`said-${(count += 1)}`);
      const user = {
        role: 'user' as const,
        id: messageId(),
        parentId: params.parentId,
        content: params.text ?? '',
        createdAt: 1,
      };
      const begun: AnswerMessage = {
        role: 'assistant',
        id: messageId(),
        parentId: user.id,
        content: '',
        createdAt: 1,
        target: params.target,
        state: { type: 'Streaming' },
        stats: null,
      };
      item({ type: 'Begun', user, answer: begun });
      const all = pieces()[Symbol.iterator]();
      let content = '';
      const next = (): void => {
        const { value, done } = all.next() as IteratorResult<Piece, undefined>;
        if (done === true) {
          item({ type: 'Ended', answer: { ...begun, content, state: { type: 'Complete', finish: 'Stop' } } });
          answer({ type: 'End', id });
          return;
        }
        content += value.text;
        item({ type: 'Text', text: value.text, tokens: value.tokens });
        setTimeout(next, value.thenMs);
      };
      next();
      return true;
    },
  };
}
