import { MessageCircle } from 'lucide-react';
import type { ReactElement } from 'react';
import { Button } from '../../components/button.tsx';
import { EmptyState } from '../../components/small.tsx';
import { chat } from '../../strings/chat.ts';
import { useChatShell } from './chat-shell.ts';

/** Before the first words: who answers, and a few ways to begin. */
export function EmptyChat({
  name,
  begin,
}: {
  /** Of who answers; null = nobody is chosen. */
  readonly name: string | null;
  readonly begin: (text: string) => void;
}): ReactElement {
  const { targets, runModel } = useChatShell();
  if (targets !== null && targets.length === 0)
    return (
      <EmptyState
        icon={<MessageCircle size={28} aria-hidden />}
        title={chat.empty.noModel}
        action={
          <Button look="primary" onClick={runModel}>
            {chat.model.run}
          </Button>
        }
      >
        {chat.empty.noModelWhy}
      </EmptyState>
    );
  return (
    <div className="flex grow flex-col items-center justify-end gap-6 px-5 pb-8 text-center">
      <div>
        <h2 className="text-2xl font-semibold tracking-tight">{chat.empty.title}</h2>
        {name !== null && <p className="mt-1.5 text-muted">{chat.empty.answeredBy(name)}</p>}
      </div>
      <ul className="grid w-full max-w-xl grid-cols-1 gap-2 sm:grid-cols-2">
        {chat.empty.starters.map(({ label, text }) => (
          <li key={label}>
            <button type="button" className="chat-starter" onClick={() => begin(text)}>
              <span className="font-medium">{label}</span>
              <span className="text-muted">{text}</span>
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}
