import { beforeEach, describe, expect, test } from 'vitest';
import { pageStore } from '../../renderer/lib/page-store.ts';
import { ChatStore } from '../../renderer/stores/chat-store.ts';
import { Drafts, emptyDraft } from '../../renderer/stores/chat/drafts.ts';
import { FakeChatNode, FakeFrames, settled } from '../support/fake-chat-node.ts';

/** What a browser keeps, at most so many characters. */
function storage(most: number): Storage {
  const kept = new Map<string, string>();
  return {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => {
      if (value.length > most) throw new DOMException('The quota has been exceeded.', 'QuotaExceededError');
      kept.set(key, value);
    },
    removeItem: (key: string) => void kept.delete(key),
  } as Storage;
}
const large = { text: 'Why?', attachments: [{ name: 'a.txt', text: 'x'.repeat(500_000) }] };
const small = { text: 'Why?', attachments: [] };

describe('what is typed and not sent', () => {
  test.each([
    ['that is small, is there after a reload', small, 1_000_000, small],
    ['that is large, is there while the page is', large, 1_000_000, emptyDraft],
    ['in a browser whose store is full, is there while the page is', small, 10, emptyDraft],
  ])('%s', (_name, draft, most, reloaded) => {
    const store = storage(most);
    const drafts = new Drafts({ store });
    drafts.write('a', draft);
    expect(drafts.read('b')).toEqual(emptyDraft);
    expect(drafts.read('a')).toEqual(draft);
    expect(new Drafts({ store }).read('a')).toEqual(reloaded);
    drafts.write('a', emptyDraft);
    expect(drafts.read('a')).toEqual(emptyDraft);
  });

  test('goes once it is sent, and stays where it was changed since', () => {
    const drafts = new Drafts({ store: storage(1_000_000) });
    drafts.write('a', small);
    drafts.drop('a', { ...small, text: 'How?' });
    expect(drafts.read('a')).toEqual(small);
    drafts.drop('a', small);
    expect(drafts.read('a')).toEqual(emptyDraft);
  });
});

describe('where a page keeps small texts', () => {
  const forbidden = (): Storage => {
    throw new DOMException('The operation is insecure.', 'SecurityError');
  };

  test.each([
    ['a browser that forbids it', forbidden],
    ['a store that is full', () => storage(2)],
  ])('given %s, the page remembers by itself until it ends', (_name, open) => {
    const store = pageStore(open);
    store.setItem('theme', 'dark');
    expect([store.getItem('theme'), store.getItem('other')]).toEqual(['dark', null]);
    store.removeItem('theme');
    expect(store.getItem('theme')).toBeNull();
  });

  test('given a store that takes the next value, the one before is forgotten', () => {
    const browser = storage(4);
    const store = pageStore(() => browser);
    store.setItem('theme', 'system');
    store.setItem('theme', 'dark');
    expect([store.getItem('theme'), browser.getItem('theme')]).toEqual(['dark', 'dark']);
  });
});

describe('what was sent and not taken', () => {
  let node: FakeChatNode;
  let browser: Storage;
  let chat: ChatStore;

  const page = (): ChatStore =>
    new ChatStore({
      port: node,
      clock: new FakeFrames(),
      store: browser,
      shown: () => undefined,
      failed: () => undefined,
    });
  const say = async (text: string): Promise<void> => {
    chat.type(text);
    void chat.send();
    await settled();
  };

  beforeEach(() => {
    node = new FakeChatNode();
    browser = storage(1_000_000);
    browser.setItem('skein.chat.target', 'small');
    chat = page();
  });

  test('comes back before what was typed since, and is not offered to the next conversation', async () => {
    await say('Hello');
    chat.type('And');
    node.answer.fail('No model runs.');
    await settled();
    expect([chat.draft.text, page().draft.text]).toEqual(['Hello\n\nAnd', '']);
    const { id } = chat.current;
    chat.open(null);
    expect(chat.draft.text).toBe('');
    chat.open(id);
    expect(chat.draft.text).toBe('Hello\n\nAnd');
  });

  test('comes back to its own conversation where another is shown by then', async () => {
    await say('One');
    node.answer.begin().say('Yes.').end();
    await settled();
    const { id } = chat.current;
    await say('Two');
    chat.open(null);
    chat.type('Elsewhere');
    node.answer.fail('No model runs.');
    await settled();
    expect(chat.draft.text).toBe('Elsewhere');
    chat.open(id);
    expect(chat.draft.text).toBe('Two');
    chat.open(null);
    expect(chat.draft.text).toBe('Elsewhere');
  });

  test('takes nothing with it of what is typed in another new conversation', async () => {
    await say('One');
    chat.open(null);
    chat.type('Two');
    node.answer.begin();
    await settled();
    expect([chat.draft.text, page().draft.text]).toEqual(['Two', 'Two']);
  });

  test('in place of other words is not lost where it was not taken', async () => {
    await say('One');
    node.answer.begin().say('Yes.').end();
    await settled();
    const [user] = chat.current.branch(chat.current.main);
    chat.type('Later');
    chat.current.edit(chat.current.main, user as never, 'File "a.txt":\n```txt\nA\n```\n\nUno');
    node.answer.fail('No model runs.');
    await settled();
    expect(chat.draft).toEqual({ text: 'Uno\n\nLater', attachments: [{ name: 'a.txt', text: 'A' }] });
    expect(chat.current.main.problem).toBe('No model runs.');
  });
});
