import type { ButtonHTMLAttributes, ReactElement, ReactNode } from 'react';

const looks = {
  plain: 'bg-raised text-text shadow-card hover:bg-sunken',
  primary: 'bg-accent text-on-accent hover:opacity-90',
  quiet: 'text-muted hover:bg-sunken hover:text-text',
  danger: 'bg-raised text-bad shadow-card hover:bg-sunken',
} as const;

export interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  readonly look?: keyof typeof looks;
  /** Before the text; with `label` alone the button shows only it. */
  readonly icon?: ReactNode;
  /** For those who hear the page, and as a tooltip; needed where there is no text. */
  readonly label?: string;
}

export function Button({
  look = 'plain',
  icon,
  label,
  children,
  className = '',
  ...rest
}: ButtonProps): ReactElement {
  const iconOnly = children === undefined;
  return (
    <button
      type="button"
      aria-label={label}
      title={label}
      className={`inline-flex shrink-0 items-center justify-center gap-1.5 rounded-md font-medium transition-colors disabled:opacity-50 ${
        iconOnly ? 'size-7' : 'h-7 px-2.5'
      } ${looks[look]} ${className}`}
      {...rest}
    >
      {icon}
      {children}
    </button>
  );
}
