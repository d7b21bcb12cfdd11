import type { ReactElement } from 'react';
import { chat } from '../../strings/chat.ts';

/** Before the first words: who answers, and a few ways to begin. */
export function EmptyChat({
  name,
  begin,
}: {
  /** Of who answers; null = nobody is chosen. */
  readonly name: string | null;
  readonly begin: (text: string) => void;
}): ReactElement {
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
