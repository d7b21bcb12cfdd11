import type { ReactElement, ReactNode } from 'react';

export function Section({
  title,
  children,
}: {
  readonly title: string;
  readonly children: ReactNode;
}): ReactElement {
  return (
    <section aria-label={title} className="flex flex-col gap-1.5">
      <h2 className="font-semibold">{title}</h2>
      <div className="divide-y divide-line rounded-xl border border-line bg-raised">{children}</div>
    </section>
  );
}

export function Row({
  label,
  children,
}: {
  readonly label: string;
  readonly children: ReactNode;
}): ReactElement {
  return (
    <div className="flex min-h-10 flex-wrap items-center justify-between gap-x-4 gap-y-1 px-4 py-1.5">
      <span>{label}</span>
      {children}
    </div>
  );
}
