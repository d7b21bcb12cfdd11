import { X } from 'lucide-react';
import { observer } from 'mobx-react-lite';
import type { ReactElement } from 'react';
import type { ToastStore } from '../stores/toast-store.ts';
import { shell } from '../strings/shell.ts';
import { Button } from './button.tsx';

export const Toasts = observer(function Toasts({ store }: { readonly store: ToastStore }): ReactElement {
  return (
    <div
      role="status"
      className="pointer-events-none fixed inset-x-0 bottom-16 z-30 flex flex-col items-center gap-2 px-3 sm:bottom-6"
    >
      {store.toasts.map(({ id, text, tone, action }) => (
        <div
          key={id}
          className="pointer-events-auto flex max-w-lg items-center gap-3 rounded-lg bg-raised px-3.5 py-2 shadow-float"
        >
          <span className={tone === 'bad' ? 'text-bad' : ''}>{text}</span>
          {action !== undefined && (
            <Button
              look="quiet"
              className="text-accent"
              onClick={() => {
                action.run();
                store.dismiss(id);
              }}
            >
              {action.label}
            </Button>
          )}
          <Button
            look="quiet"
            icon={<X size={13} aria-hidden />}
            label={shell.dismiss}
            onClick={() => store.dismiss(id)}
          />
        </div>
      ))}
    </div>
  );
});
