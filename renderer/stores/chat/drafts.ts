import type { Attachment } from './attachment.ts';

/** What is typed and not sent yet. */
export interface Draft {
  readonly text: string;
  readonly attachments: readonly Attachment[];
}

export const emptyDraft: Draft = { text: '', attachments: [] };

/** Drafts outlive a reload; at most so many characters each, because the browser's store is small. */
const MAX_KEPT = 400_000;

/** Where the page keeps small texts; the browser's `localStorage` or a fake. */
export type TextStore = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;

/** The drafts of all conversations, kept until they are sent. `key` '' = of a conversation not begun. */
export class Drafts {
  readonly #store: TextStore;

  constructor({ store }: { readonly store: TextStore }) {
    this.#store = store;
  }

  read(key: string): Draft {
    try {
      const found: unknown = JSON.parse(this.#store.getItem(nameOf(key)) ?? 'null');
      return isDraft(found) ? found : emptyDraft;
    } catch {
      return emptyDraft;
    }
  }

  /** What does not fit is not kept over a reload; it stays in the page. */
  write(key: string, draft: Draft): void {
    try {
      const text = JSON.stringify(draft);
      if ((draft.text === '' && draft.attachments.length === 0) || text.length > MAX_KEPT)
        this.#store.removeItem(nameOf(key));
      else this.#store.setItem(nameOf(key), text);
    } catch {
      // A full or forbidden store loses what a reload would have brought back, nothing else.
    }
  }
}

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
