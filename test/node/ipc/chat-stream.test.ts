import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ChatItem, ConversationId, MessageId } from '../../../main/core/contract/ipc-conversation.ts';
import { MetaInstanceId, type CommandId } from '../../../main/core/id.ts';
import { MetaInstanceSpec } from '../../../main/core/meta-instance.ts';
import { ConversationStore } from '../../../main/node/conversation/conversation-store.ts';
import { chatStream } from '../../../main/node/ipc/chat-stream.ts';
import { failureOf } from '../../../main/node/ipc/ipc-error.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { FakeNode, tinyCard, type FakeTask } from '../../support/fake-node.ts';

describe('an answer of a conversation', () => {
  const target = 'tiny';
  let folder: string;
  let clock: FakeClock;
  let node: FakeNode;
  let store: ConversationStore;
  let id: ConversationId;
  let warnings: string[];

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'skein-chat-stream-'));
    clock = new FakeClock();
    node = new FakeNode();
    warnings = [];
    let ids = 0;
    store = ConversationStore.open(
      { clock, log, newId: () => `id-${(ids += 1)}` },
      { path: join(folder, 'conversations.sqlite') },
    );
    id = store.create({ target, settings: {} }).id;
    await node.submit({
      type: 'CreateMetaInstance',
      commandId: 'c' as CommandId,
      metaInstanceId: MetaInstanceId.parse(target),
      spec: MetaInstanceSpec.parse({ modelId: tinyCard.modelId }),
      card: tinyCard,
    });
  });
  afterEach(() => {
    store.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const log = {
    debug: () => {},
    info: () => {},
    warn: (text: string) => warnings.push(text),
    error: () => {},
  };

  const say = async (
    text: string,
    init: { parentId?: MessageId | null; onTask?: (task: FakeTask) => void } = {},
  ): Promise<ChatItem[]> => {
    node.onTask = (task) => {
      init.onTask?.(task);
      task.end();
    };
    const items: ChatItem[] = [];
    const params = { conversationId: id, target, parentId: init.parentId ?? null, text };
    const components = { api: node, conversations: store, clock, log, random: () => 0.5 };
    for await (const item of chatStream(components, params, new AbortController().signal)) items.push(item);
    return items;
  };

  test.each([
    ['said without thinking', 'Paris.', 'Paris.'],
    ['thought about', '<think>France?</think>\n\nParis.', 'Paris.'],
    ['thought about with code', '<think>`print`?</think>Paris.', 'Paris.'],
    ['begun within the thinking', 'France?</think>Paris.', 'Paris.'],
    ['that speaks of the tag', 'Write `</think>` at its end.', 'Write `</think>` at its end.'],
    ['of nothing but thoughts', '<think>France?</think>', undefined],
    ['that was stopped while it thought', ' <think>France', undefined],
    ['of very many empty lines', '\n'.repeat(400_000), '\n'.repeat(400_000)],
  ])('given an earlier one %s, the model is told what was spoken', async (_name, answer, told) => {
    const items = await say('one', { onTask: (task) => task.say(answer) });
    const [begun] = items;
    if (begun?.type !== 'Begun') throw new Error('It did not begin.');
    await say('two', { parentId: begun.answer.id });
    expect(node.tasks.at(-1)?.generation.messages).toEqual([
      { role: 'user', content: 'one' },
      ...(told === undefined ? [] : [{ role: 'assistant', content: told }]),
      { role: 'user', content: 'two' },
    ]);
  });

  test('given a disk that takes no answer, the page is told so and sees the answer', async () => {
    const other = new DatabaseSync(join(folder, 'conversations.sqlite'));
    other.exec(
      `CREATE TRIGGER full BEFORE UPDATE ON message BEGIN SELECT RAISE(ABORT, 'the disk is full'); END`,
    );
    other.close();
    const items = await say('one', { onTask: (task) => task.say('Paris.') });
    expect(items.at(-1)).toMatchObject({
      type: 'Ended',
      answer: {
        content: 'Paris.',
        state: { type: 'Failed', message: expect.stringContaining('could not be kept on disk') },
      },
    });
    expect(warnings).toHaveLength(1);
  });

  test('given a file that another program holds, the page is told what helps, and nothing is half there', async () => {
    const other = new DatabaseSync(join(folder, 'conversations.sqlite'));
    other.exec('BEGIN IMMEDIATE');
    const failed = await say('one').catch((error: unknown) => failureOf(error));
    other.close();
    expect(failed).toMatchObject({
      code: 'Unavailable',
      message: expect.stringContaining('Another program'),
    });
    expect(store.get(id)?.messages).toEqual([]);
  });
});
