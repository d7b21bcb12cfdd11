import { existsSync, renameSync } from 'node:fs';
import {
  AnswerState,
  AnswerStats,
  ChatSettings,
  type AnswerMessage,
  type Conversation,
  type ConversationHead,
  type ConversationHit,
  type ConversationId,
  type Message,
  type MessageId,
  type UserMessage,
} from '../../core/contract/ipc-conversation.ts';
import { DAY } from '../../core/unit.ts';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import { closeQuietly, openDatabase, problemOf, transaction, type Database } from '../store/sqlite.ts';
import { snippetOf } from './snippet.ts';

export interface ConversationStoreComponents {
  readonly clock: Clock;
  readonly log: Log;
  /** Different at each call, at most 64 characters. */
  readonly newId: () => string;
}

/** How long a deleted conversation can be restored. */
const KEPT_DELETED_MS = 7 * DAY;
const LOCK_WAIT_MS = 500;
const SCHEMA = 1;

/**
 * What people said and what was answered, in a file of its own: trees of messages, of which nothing is ever overwritten
 * but an answer that is still being written. Calls block for a commit without fsync; a power cut may cost the last words.
 */
export class ConversationStore {
  readonly #components: ConversationStoreComponents;
  readonly #database: Database;
  /** Answers that someone is writing; any other that is `Streaming` on disk was left so. */
  readonly #writing = new Set<MessageId>();
  #open = true;

  private constructor(components: ConversationStoreComponents, database: Database) {
    this.#components = components;
    this.#database = database;
  }

  /**
   * Opens or creates the file; one that is damaged is set aside beside it, and a new one begins. Answers that were
   * being written when the node ended are `Interrupted`. @throws Error for people where it can't be opened
   */
  static open(components: ConversationStoreComponents, init: { readonly path: string }): ConversationStore {
    const { clock, log } = components;
    const now = clock.now();
    try {
      return new ConversationStore(components, prepare(init.path, now));
    } catch (error) {
      const problem = problemOf(error);
      // A bug, or a sentence for people.
      if (problem === 'Other') throw error;
      if (problem !== 'Damaged' || !existsSync(init.path)) {
        throw new Error(
          `The conversations in ${init.path} can't be opened: ${(error as Error).message}. Is its disk there, and may Skein write to that folder?`,
          { cause: error },
        );
      }
      const aside = `${init.path}.damaged-${now}`;
      // Its log belongs to it: beside the new file, SQLite would play it into that.
      for (const end of ['', '-wal', '-shm']) {
        if (existsSync(init.path + end)) renameSync(init.path + end, aside + end);
      }
      log.warn('The file of conversations is damaged; it is set aside and a new one begins', { aside });
      return new ConversationStore(components, prepare(init.path, now));
    }
  }

  create(init: Pick<ConversationHead, 'target' | 'settings'>): ConversationHead {
    const now = this.#components.clock.now();
    const id = this.#components.newId() as ConversationId;
    this.#database
      .prepare(
        'INSERT INTO conversation (id, title, target, settings, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?)',
      )
      .run(id, '', init.target, JSON.stringify(init.settings), now, now);
    return { id, title: '', ...init, createdAt: now, updatedAt: now };
  }

  /** Undefined = there is none, or it is deleted. */
  head(id: ConversationId): ConversationHead | undefined {
    const row = this.#database
      .prepare('SELECT * FROM conversation WHERE id = ? AND deleted_at IS NULL')
      .get(id);
    return row && headOf(row);
  }

  get(id: ConversationId): Conversation | undefined {
    const head = this.head(id);
    if (head === undefined) return undefined;
    const rows = this.#database
      .prepare('SELECT * FROM message WHERE conversation_id = ? ORDER BY number')
      .all(id);
    return { ...head, messages: rows.map(this.#messageOf) };
  }

  /** The newest first. @param search words that must all occur in the title or in one message */
  list(search: string, limit: number): { readonly conversations: ConversationHit[]; readonly total: number } {
    const words = search.toLowerCase().split(/\s+/).filter(Boolean).slice(0, 16);
    const newest = this.#database.prepare(
      'SELECT * FROM conversation WHERE deleted_at IS NULL ORDER BY updated_at DESC, id LIMIT ?',
    );
    if (words.length === 0) {
      const conversations = newest.all(limit).map((row) => ({ ...headOf(row), snippet: null }));
      const all = this.#database.prepare('SELECT count(*) AS n FROM conversation WHERE deleted_at IS NULL');
      return { conversations, total: Number(all.get()?.['n']) };
    }
    const heads = newest.all(-1).map(headOf);
    const said = this.#database.prepare(
      'SELECT content FROM message WHERE conversation_id = ? ORDER BY number',
    );
    const hits = heads.flatMap((head): ConversationHit[] => {
      const title = head.title.toLowerCase();
      if (words.every((word) => title.includes(word))) return [{ ...head, snippet: null }];
      for (const row of said.iterate(head.id)) {
        const snippet = snippetOf(String(row['content']), words);
        if (snippet !== undefined) return [{ ...head, snippet }];
      }
      return [];
    });
    return { conversations: hits.slice(0, limit), total: hits.length };
  }

  change(
    id: ConversationId,
    changes: Partial<Pick<ConversationHead, 'title' | 'target' | 'settings'>>,
  ): ConversationHead | undefined {
    const head = this.head(id);
    if (head === undefined) return undefined;
    const next = { ...head, ...changes };
    this.#database
      .prepare('UPDATE conversation SET title = ?, target = ?, settings = ? WHERE id = ?')
      .run(next.title, next.target, JSON.stringify(next.settings), id);
    return next;
  }

  /** False = there is none. It can be restored for a week. */
  delete(id: ConversationId): boolean {
    const { changes } = this.#database
      .prepare('UPDATE conversation SET deleted_at = ? WHERE id = ? AND deleted_at IS NULL')
      .run(this.#components.clock.now(), id);
    return Number(changes) > 0;
  }

  restore(id: ConversationId): ConversationHead | undefined {
    this.#database.prepare('UPDATE conversation SET deleted_at = NULL WHERE id = ?').run(id);
    return this.head(id);
  }

  /** The messages from the beginning to this one; undefined = it is not in that conversation. */
  pathTo(conversationId: ConversationId, id: MessageId): readonly Message[] | undefined {
    const rows = this.#database
      .prepare(
        `WITH RECURSIVE path (id, depth) AS (
           SELECT ?2, 0
           UNION ALL
           SELECT message.parent_id, depth + 1 FROM path JOIN message ON message.id = path.id
           WHERE message.parent_id IS NOT NULL AND depth < 100000)
         SELECT message.* FROM path JOIN message ON message.id = path.id
         WHERE conversation_id = ?1 ORDER BY depth DESC`,
      )
      .all(conversationId, id);
    const messages = rows.map(this.#messageOf);
    return messages.at(-1)?.id === id ? messages : undefined;
  }

  /** What a person says, where it is said, and the answer that is about to be written: both are kept, or neither. */
  addTurn(
    conversationId: ConversationId,
    init: {
      readonly parentId: MessageId | null;
      /** Null = another answer to the parent. */
      readonly text: string | null;
      readonly target: string;
    },
  ): { readonly user: UserMessage | null; readonly answer: AnswerMessage } {
    const { parentId, text, target } = init;
    const user: UserMessage | null =
      text === null ? null : { role: 'user', ...this.#newMessage(parentId), content: text };
    const answer: AnswerMessage = {
      role: 'assistant',
      ...this.#newMessage(user?.id ?? parentId),
      content: '',
      target,
      state: { type: 'Streaming' },
      stats: null,
    };
    transaction(this.#database, () => {
      if (user !== null) this.#insert(conversationId, user);
      this.#insert(conversationId, answer);
    });
    this.#writing.add(answer.id);
    return { user, answer };
  }

  /** After `close`: no effect, so that an answer that ends late harms nothing. */
  writeAnswer({ id, content, state, stats }: AnswerMessage): void {
    if (!this.#open) return;
    if (state.type !== 'Streaming') this.#writing.delete(id);
    this.#database
      .prepare('UPDATE message SET content = ?, state = ?, stats = ? WHERE id = ?')
      .run(content, JSON.stringify(state), stats === null ? null : JSON.stringify(stats), id);
  }

  /** May be called twice. */
  close(): void {
    this.#open = false;
    closeQuietly(this.#database);
  }

  #newMessage(parentId: MessageId | null): Pick<Message, 'id' | 'parentId' | 'createdAt'> {
    return {
      id: this.#components.newId() as MessageId,
      parentId,
      createdAt: this.#components.clock.now(),
    };
  }

  #insert(conversationId: ConversationId, message: Message): void {
    const answer = message.role === 'assistant' ? message : undefined;
    this.#database
      .prepare(
        `INSERT INTO message (id, conversation_id, parent_id, role, content, created_at, target, state)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
      )
      .run(
        message.id,
        conversationId,
        message.parentId,
        message.role,
        message.content,
        message.createdAt,
        answer?.target ?? null,
        answer === undefined ? null : JSON.stringify(answer.state),
      );
    this.#database
      .prepare('UPDATE conversation SET updated_at = ? WHERE id = ?')
      .run(message.createdAt, conversationId);
  }

  readonly #messageOf = (row: Row): Message => {
    const message = messageOf(row);
    const isLeft =
      message.role === 'assistant' && message.state.type === 'Streaming' && !this.#writing.has(message.id);
    return isLeft ? { ...message, state: { type: 'Interrupted' } } : message;
  };
}

function prepare(path: string, now: number): Database {
  const database = openDatabase(path, LOCK_WAIT_MS);
  try {
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON');
    const version = Number(database.prepare('PRAGMA user_version').get()?.['user_version']);
    if (version > SCHEMA) {
      throw new Error(
        `${path} was written by a newer Skein (schema ${version}, this one knows ${SCHEMA}). Update Skein, or move the file away.`,
      );
    }
    database.exec(TABLES);
    database
      .prepare(`UPDATE message SET state = ? WHERE json_extract(state, '$.type') = 'Streaming'`)
      .run(JSON.stringify({ type: 'Interrupted' } satisfies AnswerState));
    database
      .prepare('DELETE FROM conversation WHERE deleted_at IS NOT NULL AND deleted_at < ?')
      .run(now - KEPT_DELETED_MS);
    return database;
  } catch (error) {
    closeQuietly(database);
    throw error;
  }
}

const TABLES = `
  CREATE TABLE IF NOT EXISTS conversation (
    id TEXT PRIMARY KEY, title TEXT NOT NULL, target TEXT, settings TEXT NOT NULL,
    created_at REAL NOT NULL, updated_at REAL NOT NULL, deleted_at REAL) STRICT;
  CREATE TABLE IF NOT EXISTS message (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,
    conversation_id TEXT NOT NULL REFERENCES conversation (id) ON DELETE CASCADE,
    parent_id TEXT, role TEXT NOT NULL, content TEXT NOT NULL, created_at REAL NOT NULL,
    target TEXT, state TEXT, stats TEXT) STRICT;
  CREATE INDEX IF NOT EXISTS message_of ON message (conversation_id, number);
  PRAGMA user_version = ${SCHEMA};
`;

type Row = Readonly<Record<string, unknown>>;

function headOf(row: Row): ConversationHead {
  return {
    id: row['id'] as ConversationId,
    title: row['title'] as string,
    target: row['target'] as string | null,
    settings: ChatSettings.parse(JSON.parse(row['settings'] as string)),
    createdAt: row['created_at'] as number,
    updatedAt: row['updated_at'] as number,
  };
}

function messageOf(row: Row): Message {
  const message = {
    id: row['id'] as MessageId,
    parentId: row['parent_id'] as MessageId | null,
    content: row['content'] as string,
    createdAt: row['created_at'] as number,
  };
  if (row['role'] === 'user') return { role: 'user', ...message };
  const stats = row['stats'];
  return {
    role: 'assistant',
    ...message,
    target: row['target'] as string,
    state: AnswerState.parse(JSON.parse(row['state'] as string)),
    stats: typeof stats === 'string' ? AnswerStats.parse(JSON.parse(stats)) : null,
  };
}
