import type { ReactElement, ReactNode } from 'react';

export type Tone = 'plain' | 'ok' | 'warn' | 'bad' | 'accent';

const badgeTones: Readonly<Record<Tone, string>> = {
  plain: 'text-muted bg-sunken',
  ok: 'text-ok bg-ok/10',
  warn: 'text-warn bg-warn/12',
  bad: 'text-bad bg-bad/10',
  accent: 'text-accent bg-accent/10',
};

/** A word on a tinted ground. */
export function Badge({
  tone = 'plain',
  children,
}: {
  readonly tone?: Tone;
  readonly children: ReactNode;
}): ReactElement {
  return (
    <span
      className={`inline-flex items-center gap-1 rounded-full px-2 py-0.5 text-xs font-medium whitespace-nowrap ${badgeTones[tone]}`}
    >
      {children}
    </span>
  );
}

const dotTones: Readonly<Record<Tone, string>> = {
  plain: 'bg-muted',
  ok: 'bg-ok',
  warn: 'bg-warn',
  bad: 'bg-bad',
  accent: 'bg-accent',
};

/** Colour only repeats what the words beside it say. */
export function Dot({ tone }: { readonly tone: Tone }): ReactElement {
  return <span aria-hidden className={`inline-block size-2 shrink-0 rounded-full ${dotTones[tone]}`} />;
}

/** @param value of `max`; null = it is under way and nobody knows how far */
export function Progress({
  value,
  max,
  label,
}: {
  readonly value: number | null;
  readonly max: number;
  readonly label: string;
}): ReactElement {
  const part = value === null || max <= 0 ? null : Math.min(1, Math.max(0, value / max));
  return (
    <div
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      {...(part !== null && { 'aria-valuenow': Math.round(part * 100) })}
      className="h-1 w-full overflow-hidden rounded-full bg-sunken"
    >
      <div
        className={`h-full rounded-full bg-accent transition-[width] duration-300 ${part === null ? 'animate-pulse' : ''}`}
        style={{ width: `${(part ?? 1) * 100}%` }}
      />
    </div>
  );
}

export function EmptyState({
  icon,
  title,
  children,
  action,
}: {
  readonly icon?: ReactNode;
  readonly title: string;
  readonly children?: ReactNode;
  readonly action?: ReactNode;
}): ReactElement {
  return (
    <div className="mx-auto flex h-full max-w-sm flex-col items-center justify-center gap-2 p-8 text-center">
      {icon !== undefined && <div className="text-muted">{icon}</div>}
      <h2 className="text-lg">{title}</h2>
      {children !== undefined && <p className="text-muted">{children}</p>}
      {action !== undefined && <div className="pt-2">{action}</div>}
    </div>
  );
}

/** A labelled row of a form; `hint` explains, `problem` says what is wrong. */
export function Field({
  label,
  hint,
  problem,
  children,
}: {
  readonly label: string;
  readonly hint?: ReactNode;
  readonly problem?: string | undefined;
  readonly children: ReactNode;
}): ReactElement {
  return (
    <label className="flex flex-col gap-1">
      <span className="font-medium">{label}</span>
      {children}
      {hint !== undefined && <span className="text-sm text-muted">{hint}</span>}
      {problem !== undefined && (
        <span role="alert" className="text-sm text-bad">
          {problem}
        </span>
      )}
    </label>
  );
}

export const inputClass =
  'h-7 w-full rounded-md border border-line bg-raised px-2 text-text placeholder:text-muted disabled:opacity-60';

/** One of few, all visible. */
export function Segmented<Value extends string>({
  label,
  value,
  options,
  onChange,
}: {
  readonly label: string;
  readonly value: Value;
  readonly options: readonly {
    readonly value: Value;
    readonly text: string;
    readonly disabled?: boolean;
    readonly title?: string | undefined;
  }[];
  readonly onChange: (value: Value) => void;
}): ReactElement {
  return (
    <div role="radiogroup" aria-label={label} className="inline-flex rounded-md bg-sunken p-0.5">
      {options.map((option) => (
        <button
          key={option.value}
          type="button"
          role="radio"
          aria-checked={option.value === value}
          disabled={option.disabled}
          title={option.title}
          onClick={() => onChange(option.value)}
          className={`h-6 rounded-[5px] px-2.5 font-medium disabled:opacity-45 ${
            option.value === value ? 'bg-raised text-text shadow-card' : 'text-muted'
          }`}
        >
          {option.text}
        </button>
      ))}
    </div>
  );
}
