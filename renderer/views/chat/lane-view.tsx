import { observer } from 'mobx-react-lite';
import type { ReactElement } from 'react';
import { Button } from '../../components/button.tsx';
import type { Lane } from '../../stores/chat/lane.ts';
import type { OpenConversation } from '../../stores/chat/open-conversation.ts';
import { chat } from '../../strings/chat.ts';
import { useChatShell } from './chat-shell.ts';
import { TargetMenu, targetOf } from './target-menu.tsx';
import { Transcript } from './transcript.tsx';

/** One branch with, side by side, its own model above it. */
export const LaneView = observer(function LaneView({
  conversation,
  lane,
  editing,
  setEditing,
}: {
  readonly conversation: OpenConversation;
  readonly lane: Lane;
  readonly editing: string | null;
  readonly setEditing: (id: string | null) => void;
}): ReactElement {
  const compared = conversation.lanes.length > 1;
  const name = lane.target ?? '';
  return (
    <section aria-label={compared ? name : chat.title} className="flex min-h-0 min-w-0 flex-1 flex-col">
      {compared && (
        <div className="flex items-center justify-between gap-2 border-b border-line px-3 py-1.5">
          <TargetMenu
            target={lane.target}
            choose={(id) => void conversation.setTarget(lane, id)}
            disabled={conversation.busy}
          />
          <Button look="quiet" disabled={conversation.busy} onClick={() => conversation.keep(lane)}>
            {chat.compare.keep(name)}
          </Button>
        </div>
      )}
      <Transcript conversation={conversation} lane={lane} editing={editing} setEditing={setEditing} />
    </section>
  );
});

/** Why who is asked does not answer at once, where that is so. */
export const TargetNote = observer(function TargetNote({
  lane,
}: {
  readonly lane: Lane;
}): ReactElement | null {
  const { targets, showTarget } = useChatShell();
  const target = targetOf(targets, lane.target);
  if (targets === null || lane.target === null || target?.phase === 'READY' || target?.phase === 'RUNNING')
    return null;
  if (target === undefined)
    return (
      <p className="px-2 pb-1.5 text-sm text-muted">
        {chat.model.gone(lane.target)}. {chat.model.goneWhy}
      </p>
    );
  const phase = chat.model.phase[target.phase];
  return (
    <p className="flex flex-wrap items-center gap-x-2 px-2 pb-1.5 text-sm text-muted">
      {target.answers ? chat.model.notYet(target.id, phase) : chat.model.needsPerson(target.id, phase)}
      {!target.answers && (
        <button type="button" className="text-accent underline" onClick={showTarget}>
          {chat.model.see}
        </button>
      )}
    </p>
  );
});
