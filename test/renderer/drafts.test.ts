import { describe, expect, test } from 'vitest';
import { pageStore } from '../../renderer/lib/page-store.ts';
import { Drafts, emptyDraft } from '../../renderer/stores/chat/drafts.ts';

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
