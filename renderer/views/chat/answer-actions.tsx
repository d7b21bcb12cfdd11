import { Check, Copy, RefreshCw } from 'lucide-react';
import { observer } from 'mobx-react-lite';
import type { ReactElement } from 'react';
import type { AnswerMessage, AnswerStats } from '../../../main/core/contract/ipc-conversation.ts';
import type { Lane } from '../../stores/chat/lane.ts';
import type { LiveAnswer } from '../../stores/chat/live-answer.ts';
import type { OpenConversation } from '../../stores/chat/open-conversation.ts';
import { spokenText } from '../../stores/chat/parts.ts';
import { chat } from '../../strings/chat.ts';
import { ForkSwitch } from './fork-switch.tsx';
import { IconAction } from './icon-action.tsx';
import { useCopied } from '../../components/markdown/use-copied.ts';

/** Below an answer: its other versions, what can be done with it, and how fast it came. */
export const AnswerActions = observer(function AnswerActions({
  conversation,
  lane,
  answer,
  text,
  live,
}: {
  readonly conversation: OpenConversation;
  readonly lane: Lane;
  readonly answer: AnswerMessage;
  readonly text: string;
  readonly live: LiveAnswer | null;
}): ReactElement {
  const last = conversation.branch(lane).at(-1)?.id === answer.id;
  if (live !== null) return <LiveStats live={live} />;
  return (
    <div className={last ? 'chat-actions' : 'chat-actions chat-actions-quiet'}>
      <ForkSwitch conversation={conversation} lane={lane} message={answer} />
      {text !== '' && <CopyAction text={() => spokenText(text)} />}
      <IconAction label={chat.again} disabled={lane.busy} onClick={() => conversation.again(lane, answer)}>
        <RefreshCw size={14} aria-hidden />
      </IconAction>
      {answer.stats !== null && <Stats stats={answer.stats} />}
    </div>
  );
});

const LiveStats = observer(function LiveStats({ live }: { readonly live: LiveAnswer }): ReactElement {
  return (
    <div className="chat-actions text-xs tabular-nums text-muted" data-live>
      {live.tokensPerSecond === null ? ' ' : chat.speed(live.tokensPerSecond)}
    </div>
  );
});

function Stats({ stats }: { readonly stats: AnswerStats }): ReactElement {
  const { tokensPerSecond, firstTokenMs, completionTokens } = stats;
  const said = [
    ...(tokensPerSecond === null ? [] : [chat.speed(tokensPerSecond)]),
    chat.tokens(completionTokens),
    ...(firstTokenMs === null ? [] : [chat.firstToken(firstTokenMs)]),
  ];
  return (
    <span className="ml-1.5 text-xs tabular-nums text-muted" title={chat.promptTokens(stats.promptTokens)}>
      {said.join(' · ')}
    </span>
  );
}

export function CopyAction({ text }: { readonly text: () => string }): ReactElement {
  const [copied, copy] = useCopied();
  return (
    <IconAction label={copied ? chat.code.copied : chat.code.copy} onClick={() => copy(text())}>
      {copied ? <Check size={14} aria-hidden /> : <Copy size={14} aria-hidden />}
    </IconAction>
  );
}
