import type { TextStore } from '../../lib/page-store.ts';
import type { Attachment } from './attachment.ts';

/** What is typed and not sent yet. */
export interface Draft {
  readonly text: string;
  readonly attachments: readonly Attachment[];
}

export const emptyDraft: Draft = { text: '', attachments: [] };

/** Drafts outlive a reload; at most so many characters each, because the browser's store is small. */
const MAX_KEPT = 400_000;

/** The drafts of all conversations, kept until they are sent. `key` '' = of a conversation not begun. */
export class Drafts {
  readonly #store: TextStore;
  /** What the browser did not keep. */
  readonly #unkept = new Map<string, Draft>();

  constructor({ store }: { readonly store: TextStore }) {
    this.#store = store;
  }

  read(key: string): Draft {
    const unkept = this.#unkept.get(key);
    if (unkept !== undefined) return unkept;
    try {
      const found: unknown = JSON.parse(this.#store.getItem(nameOf(key)) ?? 'null');
      return isDraft(found) ? found : emptyDraft;
    } catch {
      return emptyDraft;
    }
  }

  /** What does not fit is not kept over a reload; it stays in the page. */
  write(key: string, draft: Draft): void {
    this.#unkept.delete(key);
    try {
      if (isEmpty(draft)) {
        this.#store.removeItem(nameOf(key));
        return;
      }
      const text = JSON.stringify(draft);
      if (text.length <= MAX_KEPT) {
        this.#store.setItem(nameOf(key), text);
        return;
      }
      this.#store.removeItem(nameOf(key));
    } catch {
      // A full or forbidden store.
    }
    this.#unkept.set(key, draft);
  }

  /** It was sent: it goes, unless something else was typed since. */
  drop(key: string, sent: Draft): void {
    if (JSON.stringify(this.read(key)) === JSON.stringify(sent)) this.write(key, emptyDraft);
  }
}

export const isEmpty = ({ text, attachments }: Draft): boolean => text === '' && attachments.length === 0;

/** One after the other. */
export const joined = (one: Draft, other: Draft): Draft => ({
  text: [one.text, other.text].filter((text) => text !== '').join('\n\n'),
  attachments: [...one.attachments, ...other.attachments],
});

const nameOf = (key: string): string => `skein.draft.${key}`;

function isDraft(value: unknown): value is Draft {
  const draft = value as Partial<Draft> | null;
  return (
    typeof draft?.text === 'string' &&
    Array.isArray(draft.attachments) &&
    draft.attachments.every(
      (each: Partial<Attachment> | null) => typeof each?.name === 'string' && typeof each.text === 'string',
    )
  );
}
