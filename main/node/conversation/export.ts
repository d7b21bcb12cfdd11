import type { Conversation, Message, MessageId } from '../../core/contract/ipc-conversation.ts';

/** A conversation as a file for people or for programs: the branch that was said last, or with `Json` all of them. */
export function exported(
  conversation: Conversation,
  format: 'Markdown' | 'Json',
): { readonly fileName: string; readonly text: string } {
  const name = fileNameOf(conversation.title);
  if (format === 'Json')
    return { fileName: `${name}.json`, text: `${JSON.stringify(conversation, null, 2)}\n` };
  return { fileName: `${name}.md`, text: markdown(conversation) };
}

function markdown(conversation: Conversation): string {
  const { title, settings, messages } = conversation;
  const system = settings.systemPrompt ?? '';
  const parts = [
    `# ${title === '' ? 'Conversation' : title}`,
    ...(system === '' ? [] : [`> ${system.replaceAll('\n', '\n> ')}`]),
    ...lastBranch(messages).map(
      (message) => `## ${message.role === 'user' ? 'You' : message.target}\n\n${message.content}`,
    ),
  ];
  return `${parts.join('\n\n')}\n`;
}

/** From the beginning to the newest message. */
function lastBranch(messages: readonly Message[]): readonly Message[] {
  const byId = new Map(messages.map((message) => [message.id, message]));
  const branch: Message[] = [];
  const seen = new Set<MessageId>();
  for (let at = messages.at(-1); at !== undefined && !seen.has(at.id);) {
    branch.unshift(at);
    seen.add(at.id);
    at = at.parentId === null ? undefined : byId.get(at.parentId);
  }
  return branch;
}

function fileNameOf(title: string): string {
  const plain = title
    .normalize('NFKD')
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .trim()
    .replace(/\s+/g, '-')
    .slice(0, 60);
  return plain === '' ? 'conversation' : plain;
}
