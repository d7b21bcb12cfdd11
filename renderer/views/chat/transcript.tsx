import { ArrowDown, CircleAlert } from 'lucide-react';
import { observer } from 'mobx-react-lite';
import { type ReactElement, useEffect } from 'react';
import { splitAttachments } from '../../stores/chat/attachment.ts';
import type { Lane } from '../../stores/chat/lane.ts';
import type { OpenConversation } from '../../stores/chat/open-conversation.ts';
import { chat } from '../../strings/chat.ts';
import { AnswerView, Progress } from './answer-view.tsx';
import { Said, UserView } from './user-view.tsx';
import { useStickToEnd } from './use-stick-to-end.ts';

/** One branch of a conversation from its beginning to what is being written. */
export const Transcript = observer(function Transcript({
  conversation,
  lane,
  editing,
  setEditing,
}: {
  readonly conversation: OpenConversation;
  readonly lane: Lane;
  /** The message that is being said differently; null = none. */
  readonly editing: string | null;
  readonly setEditing: (id: string | null) => void;
}): ReactElement {
  const { scroller, content, stuck, toEnd } = useStickToEnd();
  const branch = conversation.branch(lane);
  // What a person just said is always looked at.
  useEffect(() => {
    if (lane.pending !== null) toEnd();
  }, [lane.pending, toEnd]);
  useEffect(toEnd, [conversation, toEnd]);
  return (
    <div className="relative min-h-0 grow">
      <div
        ref={scroller}
        className="chat-scroller"
        tabIndex={0}
        role="log"
        aria-label={chat.transcript}
        aria-live="off"
      >
        <div ref={content} className="mx-auto flex max-w-3xl flex-col gap-2 px-5 pt-6 pb-4">
          {branch.map((message) =>
            message.role === 'user' ? (
              <UserView
                key={message.id}
                conversation={conversation}
                lane={lane}
                message={message}
                editing={editing === message.id}
                setEditing={(wanted) => setEditing(wanted ? message.id : null)}
              />
            ) : (
              <AnswerView
                key={message.id}
                conversation={conversation}
                lane={lane}
                answer={message}
                name={message.target}
              />
            ),
          )}
          {lane.pending !== null && (
            <article className="chat-message flex flex-col items-end" aria-label={chat.you}>
              <Said {...splitAttachments(lane.pending)} />
            </article>
          )}
          {lane.live !== null && lane.liveId === null && <Progress live={lane.live} />}
          {lane.problem !== null && (
            <div
              role="alert"
              className="flex items-start gap-2.5 rounded-xl border border-bad/30 bg-bad/8 px-3.5 py-2.5"
            >
              <CircleAlert size={16} aria-hidden className="mt-0.5 shrink-0 text-bad" />
              <div className="min-w-0">
                <p className="font-medium">{chat.notSent}</p>
                <p className="wrap-anywhere text-muted">{lane.problem}</p>
              </div>
            </div>
          )}
        </div>
      </div>
      <p className="sr-only" aria-live="polite">
        {lane.busy ? chat.answering : branch.at(-1)?.role === 'assistant' ? chat.answered : ''}
      </p>
      {!stuck && (
        <button
          type="button"
          className="chat-to-end"
          aria-label={chat.toEnd}
          title={chat.toEnd}
          onClick={toEnd}
        >
          <ArrowDown size={16} aria-hidden />
        </button>
      )}
    </div>
  );
});
