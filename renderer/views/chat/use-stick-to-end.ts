import { type RefObject, useCallback, useEffect, useRef, useState } from 'react';

/** Closer to the end than this counts as at the end, in px. */
const NEAR = 48;

export interface StickToEnd {
  readonly scroller: RefObject<HTMLDivElement | null>;
  readonly content: RefObject<HTMLDivElement | null>;
  /** Whether the view follows what is written. */
  readonly stuck: boolean;
  /** Goes to the end and follows again. */
  readonly toEnd: () => void;
}

/** Follows a text that grows at its end, until its reader scrolls up to read; at the end again, it follows again. */
export function useStickToEnd(): StickToEnd {
  const scroller = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLDivElement>(null);
  const following = useRef(true);
  const [stuck, setStuck] = useState(true);
  const follow = useCallback((next: boolean): void => {
    following.current = next;
    setStuck(next);
  }, []);
  const toEnd = useCallback((): void => {
    follow(true);
    const box = scroller.current;
    if (box !== null) box.scrollTop = box.scrollHeight;
  }, [follow]);
  useEffect(() => {
    const box = scroller.current;
    const inner = content.current;
    if (box === null || inner === null) return;
    let last = box.scrollTop;
    const onScroll = (): void => {
      const left = box.scrollHeight - box.scrollTop - box.clientHeight;
      // Only who scrolls up leaves the end; a text that shrinks or grows moves nobody.
      if (box.scrollTop < last - 1 && left > NEAR) follow(false);
      else if (left <= NEAR) follow(true);
      last = box.scrollTop;
    };
    const grown = new ResizeObserver(() => {
      if (following.current) box.scrollTop = box.scrollHeight;
    });
    grown.observe(inner);
    grown.observe(box);
    box.addEventListener('scroll', onScroll, { passive: true });
    return () => {
      grown.disconnect();
      box.removeEventListener('scroll', onScroll);
    };
  }, [follow]);
  return { scroller, content, stuck, toEnd };
}
