import { observer } from 'mobx-react-lite';
import type { ReactElement } from 'react';
import type { AnswerMessage } from '../../../main/core/contract/ipc-conversation.ts';
import { Markdown } from '../../components/markdown/markdown.tsx';
import type { Lane } from '../../stores/chat/lane.ts';
import type { LiveAnswer } from '../../stores/chat/live-answer.ts';
import type { OpenConversation } from '../../stores/chat/open-conversation.ts';
import { answerParts } from '../../stores/chat/parts.ts';
import { chat } from '../../strings/chat.ts';
import { AnswerActions } from './answer-actions.tsx';
import { AnswerProblem } from './answer-problem.tsx';
import { Reasoning } from './reasoning.tsx';
import { ToolCall } from './tool-call.tsx';

/** One answer: what was thought, called and said, how it ended, and what can be done with it. */
export const AnswerView = observer(function AnswerView({
  conversation,
  lane,
  answer,
  name,
}: {
  readonly conversation: OpenConversation;
  readonly lane: Lane;
  readonly answer: AnswerMessage;
  /** Of who answers, as people know it. */
  readonly name: string;
}): ReactElement {
  const live = lane.liveId === answer.id ? lane.live : null;
  const text = live === null ? answer.content : live.text;
  const parts = answerParts(text);
  return (
    <article className="chat-message group" aria-label={chat.answerOf(name)} aria-busy={live !== null}>
      <p className="mb-1 text-xs font-medium text-muted">{name}</p>
      {parts.map((part, index) => {
        switch (part.type) {
          case 'reasoning':
            return (
              <Reasoning
                key={index}
                text={part.text}
                thinking={part.open && live !== null}
                tookMs={live?.reasoningMs ?? conversation.reasoning.get(answer.id) ?? null}
              />
            );
          case 'tool':
            return <ToolCall key={index} name={part.name} source={part.source} />;
          case 'text':
            return (
              <Markdown
                key={index}
                text={part.text}
                streaming={live !== null && index === parts.length - 1}
              />
            );
        }
      })}
      {live !== null && (text === '' || live.waiting !== null || live.prefill !== null) && (
        <Progress live={live} />
      )}
      {live === null && <AnswerProblem conversation={conversation} lane={lane} answer={answer} />}
      <AnswerActions conversation={conversation} lane={lane} answer={answer} text={text} live={live} />
    </article>
  );
});

/** What happens before the first word, and while an answer waits to go on. */
export const Progress = observer(function Progress({ live }: { readonly live: LiveAnswer }): ReactElement {
  const { waiting, prefill } = live;
  return (
    <div className="flex items-center gap-2 text-muted" role="status">
      <span className="chat-dots" aria-hidden>
        <i />
        <i />
        <i />
      </span>
      {prefill === null ? (
        <span>{waiting ?? chat.thinking}</span>
      ) : (
        <>
          <progress
            className="chat-prefill"
            value={prefill.processed}
            max={prefill.total}
            aria-label={chat.reading}
          />
          <span className="tabular-nums">{chat.readingOf(prefill.processed, prefill.total)}</span>
        </>
      )}
    </div>
  );
});
