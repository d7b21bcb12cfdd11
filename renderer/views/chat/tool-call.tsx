import { Wrench } from 'lucide-react';
import type { ReactElement } from 'react';
import { CodeBlock } from '../../components/markdown/code-block.tsx';
import { chat } from '../../strings/chat.ts';

/** A call of a tool that the model wrote; nothing runs it. */
export function ToolCall({ name, source }: { readonly name: string; readonly source: string }): ReactElement {
  return (
    <details className="my-2 rounded-lg border border-line">
      <summary className="flex cursor-default items-center gap-2 px-3 py-1.5 text-muted">
        <Wrench size={13} aria-hidden />
        {chat.tool(name)}
      </summary>
      <div className="px-3 pb-3">
        <CodeBlock code={pretty(source)} language="json" />
      </div>
    </details>
  );
}

function pretty(source: string): string {
  try {
    return JSON.stringify(JSON.parse(source), null, 2);
  } catch {
    return source;
  }
}
