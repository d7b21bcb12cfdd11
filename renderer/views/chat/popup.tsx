import {
  type KeyboardEvent,
  type ReactElement,
  type ReactNode,
  useEffect,
  useId,
  useRef,
  useState,
} from 'react';

/** Room kept between a popup and the window's edge, in px. */
const EDGE = 8;
const GAP = 4;

/**
 * A button with something that opens below it: choices (`menu`) or a small form (`dialog`). A click beside it or Escape
 * closes it; arrows move between choices.
 */
export function Popup({
  label,
  className,
  kind,
  face,
  disabled = false,
  children,
}: {
  readonly label: string;
  readonly className: string;
  readonly kind: 'menu' | 'dialog';
  /** What the button shows. */
  readonly face: ReactNode;
  readonly disabled?: boolean;
  /** Only built while it is open. */
  readonly children: (close: () => void) => ReactNode;
}): ReactElement {
  const id = useId();
  const button = useRef<HTMLButtonElement>(null);
  const panel = useRef<HTMLDivElement>(null);
  const [open, setOpen] = useState(false);
  const close = (): void => document.getElementById(id)?.hidePopover();
  const place = (): void => {
    const box = panel.current;
    const from = button.current?.getBoundingClientRect();
    if (box === null || from === undefined) return;
    const left = Math.min(from.left, window.innerWidth - box.offsetWidth - EDGE);
    const below = from.bottom + GAP + box.offsetHeight + EDGE <= window.innerHeight;
    box.style.left = `${Math.max(EDGE, left)}px`;
    box.style.top = below
      ? `${from.bottom + GAP}px`
      : `${Math.max(EDGE, from.top - GAP - box.offsetHeight)}px`;
  };
  useEffect(() => {
    if (!open) return;
    window.addEventListener('resize', place);
    return () => window.removeEventListener('resize', place);
  }, [open]);
  const onKeyDown = (event: KeyboardEvent<HTMLDivElement>): void => {
    // What closes the popup is not to stop the answer behind it.
    if (event.key === 'Escape') event.stopPropagation();
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
    if (kind !== 'menu' || step === 0) return;
    event.preventDefault();
    const items = [
      ...(panel.current?.querySelectorAll<HTMLElement>('[role^="menuitem"]:not(:disabled)') ?? []),
    ];
    const at = items.indexOf(document.activeElement as HTMLElement);
    items[(at + step + items.length) % items.length]?.focus();
  };
  return (
    <>
      <button
        ref={button}
        type="button"
        className={className}
        disabled={disabled}
        aria-label={label}
        title={label}
        aria-haspopup={kind}
        aria-expanded={open}
        popoverTarget={id}
      >
        {face}
      </button>
      <div
        ref={panel}
        id={id}
        popover="auto"
        role={kind}
        aria-label={label}
        className={kind === 'menu' ? 'chat-popup chat-menu' : 'chat-popup'}
        onKeyDown={onKeyDown}
        onToggle={(event) => {
          const opened = event.newState === 'open';
          setOpen(opened);
          if (!opened) return;
          // Its content is built after this; only then its size is known.
          requestAnimationFrame(() => {
            place();
            panel.current
              ?.querySelector<HTMLElement>('[aria-checked="true"], [role^="menuitem"], input, textarea')
              ?.focus();
          });
        }}
      >
        {open && children(close)}
      </div>
    </>
  );
}

/** One choice of a menu. */
export function MenuItem({
  icon,
  hint,
  checked,
  disabled = false,
  bad = false,
  onSelect,
  children,
}: {
  readonly icon?: ReactNode;
  readonly hint?: ReactNode;
  /** One of several, of which one is in force. */
  readonly checked?: boolean;
  readonly disabled?: boolean;
  /** It takes something away. */
  readonly bad?: boolean;
  readonly onSelect: () => void;
  readonly children: ReactNode;
}): ReactElement {
  return (
    <button
      type="button"
      role={checked === undefined ? 'menuitem' : 'menuitemradio'}
      aria-checked={checked}
      className="chat-menu-item"
      data-bad={bad || undefined}
      disabled={disabled}
      onClick={onSelect}
    >
      {icon !== undefined && <span className="w-4 shrink-0">{icon}</span>}
      <span className="min-w-0 grow truncate">{children}</span>
      {hint !== undefined && <span className="shrink-0 text-xs text-muted">{hint}</span>}
    </button>
  );
}
