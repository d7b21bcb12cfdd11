/** Where the page keeps small texts over a reload. */
export type TextStore = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;

/**
 * The browser's store; where that is full or forbidden, which it says by throwing, the page remembers by itself until it
 * ends. Never throws.
 */
export function pageStore(open: () => Storage): TextStore {
  const remembered = new Map<string, string>();
  const attempt = <Value>(act: (store: Storage) => Value, otherwise: () => Value): Value => {
    try {
      return act(open());
    } catch {
      return otherwise();
    }
  };
  return {
    getItem: (key) =>
      remembered.get(key) ??
      attempt(
        (store) => store.getItem(key),
        () => null,
      ),
    setItem: (key, value) => {
      remembered.delete(key);
      attempt(
        (store) => store.setItem(key, value),
        () => void remembered.set(key, value),
      );
    },
    removeItem: (key) => {
      remembered.delete(key);
      attempt(
        (store) => store.removeItem(key),
        () => undefined,
      );
    },
  };
}
