import { useEffect, useState } from 'react';

const COPIED_MS = 1_500;

/** Whether something was copied just now, and how to copy a text. */
export function useCopied(): readonly [copied: boolean, copy: (text: string) => void] {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), COPIED_MS);
    return () => clearTimeout(timer);
  }, [copied]);
  const copy = (text: string): void => {
    navigator.clipboard.writeText(text).then(
      () => setCopied(true),
      // Where the browser forbids it, the button goes on saying what it said.
      () => setCopied(false),
    );
  };
  return [copied, copy];
}
