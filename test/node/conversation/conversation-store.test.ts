import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { MessageId } from '../../../main/core/contract/ipc-conversation.ts';
import { DAY } from '../../../main/core/unit.ts';
import { ConversationStore } from '../../../main/node/conversation/conversation-store.ts';
import { exported } from '../../../main/node/conversation/export.ts';

describe('conversations on disk', () => {
  let folder: string;
  let path: string;
  let now: number;
  let ids: number;
  let warnings: string[];
  let store: ConversationStore;

  const open = (): ConversationStore => openAt(path);
  const openAt = (at: string): ConversationStore =>
    ConversationStore.open(
      {
        clock: { now: () => now, monotonic: () => now, after: () => () => undefined },
        log: { debug: () => {}, info: () => {}, warn: (text) => warnings.push(text), error: () => {} },
        newId: () => `id-${(ids += 1)}`,
      },
      { path: at },
    );

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'skein-conversations-'));
    path = join(folder, 'conversations.sqlite');
    now = 1_000_000;
    ids = 0;
    warnings = [];
    store = open();
  });
  afterEach(() => {
    store.close();
    rmSync(folder, { recursive: true, force: true });
  });

  test('given a node that was killed while it answered, what was said is kept as interrupted', () => {
    const { id } = store.create({ target: 'm', settings: {} });
    const { answer } = store.addTurn(id, { parentId: null, text: 'why?', target: 'm' });
    store.writeAnswer({ ...answer, content: 'because' });
    expect(store.get(id)?.messages[1]).toMatchObject({ state: { type: 'Streaming' } });
    // Not closed: the file is as a kill leaves it.
    const next = open();
    expect(next.get(id)?.messages).toMatchObject([
      { role: 'user', content: 'why?' },
      { role: 'assistant', content: 'because', state: { type: 'Interrupted' } },
    ]);
    next.close();
  });

  test('given branches, the path to a message is its own, and the export is the newest', () => {
    const { id } = store.create({ target: null, settings: { systemPrompt: 'be brief' } });
    const first = store.addTurn(id, { parentId: null, text: 'one', target: 'm' });
    const { answer } = store.addTurn(id, { parentId: null, text: 'uno', target: 'm' });
    store.writeAnswer({ ...answer, content: 'dos', state: { type: 'Complete', finish: 'Stop' } });
    expect(first.user && store.pathTo(id, first.user.id)?.map(({ content }) => content)).toEqual(['one']);
    expect(store.pathTo(id, answer.id)?.map(({ content }) => content)).toEqual(['uno', 'dos']);
    expect(store.pathTo(id, 'other' as MessageId)).toBeUndefined();
    const conversation = store.get(id);
    expect(conversation && exported(conversation, 'Markdown').text).toBe(
      '# Conversation\n\n> be brief\n\n## You\n\nuno\n\n## m\n\ndos\n',
    );
    expect(conversation && JSON.parse(exported(conversation, 'Json').text)).toEqual(conversation);
  });

  test('given 200 conversations, the newest come first and words are found in titles and messages', () => {
    for (let count = 0; count < 200; count += 1) {
      now += 1;
      const { id } = store.create({ target: null, settings: {} });
      store.change(id, { title: `Talk ${count}` });
      const text = `We spoke of\n\nthing number ${count} at length.`;
      store.addTurn(id, { parentId: null, text, target: 'm' });
    }
    expect(store.list('', 3)).toMatchObject({
      total: 200,
      conversations: [{ title: 'Talk 199' }, { title: 'Talk 198' }, { title: 'Talk 197' }],
    });
    expect(store.list('NUMBER 42 length', 10)).toMatchObject({
      total: 2,
      conversations: [
        { title: 'Talk 142' },
        { title: 'Talk 42', snippet: 'We spoke of thing number 42 at length.' },
      ],
    });
    expect(store.list('talk 7', 1)).toMatchObject({ total: 38, conversations: [{ snippet: null }] });
  });

  test('given a deleted one, it can be restored for a week, and is gone after', () => {
    const { id } = store.create({ target: null, settings: {} });
    expect(store.delete(id)).toBe(true);
    expect(store.delete(id)).toBe(false);
    expect(store.head(id)).toBeUndefined();
    expect(store.restore(id)?.id).toBe(id);
    store.delete(id);
    store.close();
    now += 8 * DAY;
    store = open();
    expect(store.restore(id)).toBeUndefined();
  });

  test('given a file that is no database, it is set aside and a new one begins', () => {
    store.close();
    for (const name of readdirSync(folder)) rmSync(join(folder, name));
    writeFileSync(path, 'x'.repeat(5_000));
    store = open();
    expect(store.list('', 10).total).toBe(0);
    expect(warnings).toHaveLength(1);
    expect(readdirSync(folder)).toContain(`conversations.sqlite.damaged-${now}`);
  });

  test('given a file whose messages are damaged, the node starts with a new one', () => {
    const { id } = store.create({ target: null, settings: {} });
    for (let count = 0; count < 100; count += 1)
      store.addTurn(id, { parentId: null, text: 'x'.repeat(500), target: 'm' });
    store.close();
    const bytes = readFileSync(path);
    // The first page says what tables there are and is whole.
    writeFileSync(path, bytes.fill(0xff, 4_096));
    store = open();
    expect([store.list('', 10).total, warnings.length]).toEqual([0, 1]);
  });

  test('given a file that can not be opened, it is said which and what helps', () => {
    const taken = join(folder, 'folder.sqlite');
    mkdirSync(taken);
    expect(() => openAt(taken)).toThrow(
      `The conversations in ${taken} can't be opened: unable to open database file. Is its disk there, and may Skein write to that folder?`,
    );
  });

  test('given a disk that takes the words but not the answer, neither is kept', () => {
    const { id } = store.create({ target: null, settings: {} });
    const other = new DatabaseSync(path);
    other.exec(
      `CREATE TRIGGER full BEFORE INSERT ON message WHEN NEW.role = 'assistant'
       BEGIN SELECT RAISE(ABORT, 'the disk is full'); END`,
    );
    other.close();
    expect(() => store.addTurn(id, { parentId: null, text: 'why?', target: 'm' })).toThrow(
      'the disk is full',
    );
    expect(store.get(id)?.messages).toEqual([]);
  });

  test('given an answer whose end can not be kept, it does not read as if it was still being written', () => {
    const { id } = store.create({ target: null, settings: {} });
    const { answer } = store.addTurn(id, { parentId: null, text: 'why?', target: 'm' });
    const other = new DatabaseSync(path);
    other.exec('BEGIN IMMEDIATE');
    expect(() => store.writeAnswer({ ...answer, content: 'so', state: { type: 'Stopped' } })).toThrow();
    other.close();
    expect(store.get(id)?.messages[1]).toMatchObject({ state: { type: 'Interrupted' } });
  });

  test('given a store that is closed, a late answer harms nothing', () => {
    const { id } = store.create({ target: null, settings: {} });
    const { answer } = store.addTurn(id, { parentId: null, text: 'why?', target: 'm' });
    store.close();
    store.close();
    expect(() => store.writeAnswer({ ...answer, content: 'late' })).not.toThrow();
  });
});
