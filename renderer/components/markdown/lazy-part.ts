import { useEffect, useSyncExternalStore } from 'react';

/** Something heavy that is fetched when first wanted; what it is for is shown plainly until then, or without it. */
export interface LazyPart<Part> {
  readonly current: () => Part | null;
  /** Asks for it; once is enough. A failed fetch is tried again at the next call. */
  readonly want: () => void;
  readonly subscribe: (listener: () => void) => () => void;
}

export function lazyPart<Part>(load: () => Promise<Part>): LazyPart<Part> {
  const listeners = new Set<() => void>();
  let part: Part | null = null;
  let loading = false;
  return {
    current: () => part,
    want: () => {
      if (loading || part !== null) return;
      loading = true;
      load().then(
        (loaded) => {
          part = loaded;
          for (const listener of listeners) listener();
        },
        () => {
          loading = false;
        },
      );
    },
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** The part once it is there, null before and where it is not `wanted`. */
export function useLazyPart<Part>(lazy: LazyPart<Part>, wanted: boolean): Part | null {
  const part = useSyncExternalStore(lazy.subscribe, lazy.current);
  useEffect(() => {
    if (wanted) lazy.want();
  }, [lazy, wanted]);
  return wanted ? part : null;
}
