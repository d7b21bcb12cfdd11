import { useEffect, useState, type ReactElement } from 'react';

/** Words that change with time, written anew each second. */
export function Ticking({ children }: { readonly children: () => string }): ReactElement {
  const [, tick] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => tick((count) => count + 1), 1_000);
    return () => clearInterval(timer);
  }, []);
  return <>{children()}</>;
}
