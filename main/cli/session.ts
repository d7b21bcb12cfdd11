import type { NodeClient } from './client.ts';
import type { Io } from './io.ts';

/** What every command works with. */
export interface Session {
  readonly client: NodeClient;
  readonly io: Io;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
}

export interface Message {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
}

/** What came of an answer; cancelled by Ctrl-C, it is what was said so far. */
export interface Said {
  readonly text: string;
  readonly cancelled: boolean;
}
