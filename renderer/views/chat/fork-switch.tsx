import { ChevronLeft, ChevronRight } from 'lucide-react';
import { observer } from 'mobx-react-lite';
import type { ReactElement } from 'react';
import type { Message } from '../../../main/core/contract/ipc-conversation.ts';
import type { Lane } from '../../stores/chat/lane.ts';
import type { OpenConversation } from '../../stores/chat/open-conversation.ts';
import { chat } from '../../strings/chat.ts';
import { IconAction } from './icon-action.tsx';

/** `‹ 2/3 ›` among the messages that were said in one place; nothing where there is only one. */
export const ForkSwitch = observer(function ForkSwitch({
  conversation,
  lane,
  message,
}: {
  readonly conversation: OpenConversation;
  readonly lane: Lane;
  readonly message: Message;
}): ReactElement | null {
  const { position, count, previous, next } = conversation.fork(message);
  if (count < 2) return null;
  const show = (id: string | null) => (): void => {
    if (id !== null) conversation.show(lane, id);
  };
  return (
    <div
      role="group"
      aria-label={chat.versions}
      className="flex items-center text-xs tabular-nums text-muted"
    >
      <IconAction
        label={chat.previousVersion}
        disabled={previous === null || lane.busy}
        onClick={show(previous)}
      >
        <ChevronLeft size={14} aria-hidden />
      </IconAction>
      <span>
        {position + 1}/{count}
      </span>
      <IconAction label={chat.nextVersion} disabled={next === null || lane.busy} onClick={show(next)}>
        <ChevronRight size={14} aria-hidden />
      </IconAction>
    </div>
  );
});
