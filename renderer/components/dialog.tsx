import { X } from 'lucide-react';
import { useEffect, useRef, type ReactElement, type ReactNode } from 'react';
import { shell } from '../strings/shell.ts';
import { Button } from './button.tsx';

/** A modal sheet: the browser's own dialog, so that focus stays in it and Escape closes it. */
export function Dialog({
  title,
  onClose,
  children,
  footer,
  wide = false,
}: {
  readonly title: string;
  readonly onClose: () => void;
  readonly children: ReactNode;
  readonly footer?: ReactNode;
  readonly wide?: boolean;
}): ReactElement {
  const ref = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const dialog = ref.current;
    if (dialog !== null && !dialog.open) dialog.showModal();
  }, []);
  return (
    <dialog
      ref={ref}
      aria-label={title}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      className={`m-auto max-h-[min(90dvh,900px)] w-[calc(100vw-24px)] ${wide ? 'max-w-4xl' : 'max-w-lg'} overflow-hidden rounded-xl bg-surface text-text shadow-float backdrop:bg-black/35`}
    >
      <div className="flex max-h-[min(90dvh,900px)] flex-col">
        <header className="flex items-center justify-between gap-3 border-b border-line px-4 py-2.5">
          <h2 className="text-lg">{title}</h2>
          <Button look="quiet" icon={<X size={15} aria-hidden />} label={shell.close} onClick={onClose} />
        </header>
        <div className="min-h-0 flex-1 overflow-y-auto px-4 py-4">{children}</div>
        {footer !== undefined && (
          <footer className="flex items-center justify-end gap-2 border-t border-line px-4 py-2.5">
            {footer}
          </footer>
        )}
      </div>
    </dialog>
  );
}
