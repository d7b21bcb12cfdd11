/** What the shape of a conversation is made of: each message answers the one it hangs on. */
export interface TreeMessage {
  readonly id: string;
  /** Null = it begins the conversation. */
  readonly parentId: string | null;
}

/** By parent ('' = none): its children, oldest first. Messages whose parent is unknown hang on nothing and are left out. */
export type Children<Message extends TreeMessage> = ReadonlyMap<string, readonly Message[]>;

/** @param messages oldest first, as they are kept */
export function childrenOf<Message extends TreeMessage>(messages: Iterable<Message>): Children<Message> {
  const children = new Map<string, Message[]>();
  for (const message of messages) {
    const parent = message.parentId ?? '';
    const known = children.get(parent);
    if (known === undefined) children.set(parent, [message]);
    else known.push(message);
  }
  return children;
}

/**
 * The branch that is shown: from the beginning to its last message. At each fork `chosen` (parent, '' = none → child)
 * decides, else the newest, because what was said last is what people look for.
 */
export function branchOf<Message extends TreeMessage>(
  children: Children<Message>,
  chosen: ReadonlyMap<string, string>,
): readonly Message[] {
  const branch: Message[] = [];
  const seen = new Set<string>();
  for (let parent = ''; ;) {
    const options = children.get(parent) ?? [];
    const wanted = chosen.get(parent);
    const next = options.find(({ id }) => id === wanted) ?? options.at(-1);
    if (next === undefined || seen.has(next.id)) return branch;
    branch.push(next);
    seen.add(next.id);
    parent = next.id;
  }
}

/** `chosen` with each fork on the way to `id` set so that the branch passes through it. */
export function choose<Message extends TreeMessage>(
  messages: ReadonlyMap<string, Message>,
  chosen: ReadonlyMap<string, string>,
  id: string,
): ReadonlyMap<string, string> {
  const next = new Map(chosen);
  const seen = new Set<string>();
  for (let at = messages.get(id); at !== undefined && !seen.has(at.id);) {
    seen.add(at.id);
    next.set(at.parentId ?? '', at.id);
    at = at.parentId === null ? undefined : messages.get(at.parentId);
  }
  return next;
}

/** Where a message stands among those that were said in its place. */
export interface Fork {
  /** From 0. */
  readonly position: number;
  readonly count: number;
  readonly previous: string | null;
  readonly next: string | null;
}

export function forkOf<Message extends TreeMessage>(children: Children<Message>, message: Message): Fork {
  const options = children.get(message.parentId ?? '') ?? [];
  const position = Math.max(
    0,
    options.findIndex(({ id }) => id === message.id),
  );
  return {
    position,
    count: Math.max(1, options.length),
    previous: options[position - 1]?.id ?? null,
    next: options[position + 1]?.id ?? null,
  };
}
