import { CircleAlert, CircleSlash } from 'lucide-react';
import { observer } from 'mobx-react-lite';
import type { ReactElement } from 'react';
import type { AnswerMessage } from '../../../main/core/contract/ipc-conversation.ts';
import { Button } from '../../components/button.tsx';
import type { Lane } from '../../stores/chat/lane.ts';
import type { OpenConversation } from '../../stores/chat/open-conversation.ts';
import { chat } from '../../strings/chat.ts';

/** How an answer ended, where it is not as it should be, and the way on. */
export const AnswerProblem = observer(function AnswerProblem({
  conversation,
  lane,
  answer,
}: {
  readonly conversation: OpenConversation;
  readonly lane: Lane;
  readonly answer: AnswerMessage;
}): ReactElement | null {
  const { state } = answer;
  switch (state.type) {
    case 'Streaming':
      return <p className="mt-2 text-muted">{chat.elsewhere}</p>;
    case 'Complete':
      return state.finish === 'Length' ? <Note text={chat.lengthReached} /> : null;
    case 'Stopped':
      return <Note text={chat.stopped} />;
    case 'Failed':
    case 'Interrupted':
      return (
        <div
          role="alert"
          className="mt-2 flex items-start gap-2.5 rounded-xl border border-bad/30 bg-bad/8 px-3.5 py-2.5"
        >
          <CircleAlert size={16} aria-hidden className="mt-0.5 shrink-0 text-bad" />
          <div className="min-w-0 grow">
            <p className="font-medium">{state.type === 'Failed' ? chat.failed : chat.interrupted}</p>
            <p className="wrap-anywhere text-muted">
              {state.type === 'Failed' ? state.message : chat.interruptedWhy}
            </p>
          </div>
          <Button disabled={lane.busy} onClick={() => conversation.again(lane, answer)}>
            {chat.tryAgain}
          </Button>
        </div>
      );
  }
});

function Note({ text }: { readonly text: string }): ReactElement {
  return (
    <p className="mt-2 flex items-center gap-1.5 text-xs text-muted">
      <CircleSlash size={12} aria-hidden />
      {text}
    </p>
  );
}
