import { Check, ChevronDown, Play } from 'lucide-react';
import { observer } from 'mobx-react-lite';
import type { ReactElement } from 'react';
import { Dot } from '../../components/small.tsx';
import type { Target } from '../../stores/chat/targets.ts';
import { chat } from '../../strings/chat.ts';
import { useChatShell } from './chat-shell.ts';
import { MenuItem, Popup } from './popup.tsx';
import { toneOf } from './tone.ts';

/** Who answers, and who else could. */
export const TargetMenu = observer(function TargetMenu({
  target,
  choose,
  disabled,
}: {
  /** Model or MetaInstance; null = none chosen. */
  readonly target: string | null;
  readonly choose: (id: string) => void;
  readonly disabled: boolean;
}): ReactElement {
  const { targets, runModel } = useChatShell();
  const current = targetOf(targets, target);
  const name = current?.id ?? target ?? chat.model.choose;
  return (
    <Popup
      kind="menu"
      label={target === null ? chat.model.choose : chat.model.answers(name)}
      disabled={disabled}
      className="chat-target"
      face={
        <>
          {current !== undefined && <Dot tone={toneOf(current.phase)} />}
          <span className="truncate">{name}</span>
          <ChevronDown size={14} aria-hidden className="shrink-0 text-muted" />
        </>
      }
    >
      {(close) => (
        <>
          {targets?.length === 0 && <p className="px-2 py-1.5 text-muted">{chat.model.none}</p>}
          {targets?.map(({ id, title, phase }) => (
            <MenuItem
              key={id}
              checked={id === current?.id}
              icon={id === current?.id ? <Check size={14} aria-hidden /> : <span />}
              hint={chat.model.phase[phase]}
              onSelect={() => {
                close();
                choose(id);
              }}
            >
              <span title={title}>{id}</span>
            </MenuItem>
          ))}
          <hr />
          <MenuItem
            icon={<Play size={14} aria-hidden />}
            onSelect={() => {
              close();
              runModel();
            }}
          >
            {targets?.length === 0 ? chat.model.run : chat.model.more}
          </MenuItem>
        </>
      )}
    </Popup>
  );
});

/** The MetaInstance that a target means: its own id, or any of the model named. */
export function targetOf(targets: readonly Target[] | null, target: string | null): Target | undefined {
  return targets?.find(({ id }) => id === target) ?? targets?.find(({ modelId }) => modelId === target);
}
