import { TriangleAlert } from 'lucide-react';
import { useEffect, useState, type ReactElement } from 'react';
import type { MethodResult } from '../../../main/core/contract/ipc.ts';
import type { RootStore } from '../../stores/root-store.ts';
import { cluster } from '../../strings/cluster.ts';

const EVERY_MS = 5_000;

/** What the node finds wrong with itself and its cluster, with what a person can do. Empty while all is well. */
export function Findings({ root }: { readonly root: RootStore }): ReactElement | null {
  const [findings, setFindings] = useState<MethodResult<'doctor'>['findings']>([]);
  useEffect(() => {
    let isShown = true;
    const look = (): void => {
      root.call('doctor', {}).then(
        (answer) => {
          if (isShown) setFindings(answer.findings);
        },
        // Not connected: the banner says so.
        () => undefined,
      );
    };
    look();
    const timer = setInterval(look, EVERY_MS);
    return () => {
      isShown = false;
      clearInterval(timer);
    };
  }, [root]);
  if (findings.length === 0) return null;
  return (
    <section
      aria-label={cluster.findings}
      className="flex flex-col gap-2 rounded-xl border border-warn/40 bg-warn/8 p-4"
    >
      <h2 className="flex items-center gap-2">
        <TriangleAlert size={15} aria-hidden className="text-warn" />
        {cluster.findings}
      </h2>
      <ul className="flex flex-col gap-2">
        {findings.map(({ kind, what, where, advice }) => (
          <li key={`${kind} ${where} ${what}`}>
            <span className="font-medium">{where}</span>: {what}
            <p className="text-muted">{advice}</p>
          </li>
        ))}
      </ul>
    </section>
  );
}
