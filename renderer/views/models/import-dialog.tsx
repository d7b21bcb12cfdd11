import { CircleAlert, CircleCheck } from 'lucide-react';
import { observer } from 'mobx-react-lite';
import { type ReactElement, useState } from 'react';
import { Button } from '../../components/button.tsx';
import { Dialog } from '../../components/dialog.tsx';
import { Field, inputClass, Progress } from '../../components/small.tsx';
import type { ModelStore } from '../../stores/model-store.ts';
import { models } from '../../strings/models.ts';

/** Brings a model file from the disk of the node that serves this page. */
export const ImportDialog = observer(function ImportDialog({
  store,
  node,
  close,
  run,
}: {
  readonly store: ModelStore;
  /** Name of the node on whose disk the file lies; null = it is this computer's app. */
  readonly node: string | null;
  readonly close: () => void;
  readonly run: (modelId: string) => void;
}): ReactElement {
  const { importing } = store;
  const [path, setPath] = useState('');
  const copying = importing.type === 'Copying';
  const done = (): void => {
    store.forgetImport();
    close();
  };
  const start = (): void => void store.import(path.trim());
  return (
    <Dialog
      title={models.import.title}
      onClose={done}
      footer={
        importing.type === 'Done' ? (
          <>
            <Button onClick={done}>{models.import.close}</Button>
            <Button
              look="primary"
              onClick={() => {
                done();
                run(importing.card.modelId);
              }}
            >
              {models.run}
            </Button>
          </>
        ) : (
          <Button look="primary" disabled={path.trim() === '' || copying} onClick={start}>
            {models.import.start}
          </Button>
        )
      }
    >
      {importing.type === 'Done' ? (
        <p role="status" className="flex items-center gap-2">
          <CircleCheck size={16} aria-hidden className="shrink-0 text-ok" />
          {models.import.done(importing.card.title)}
        </p>
      ) : (
        <form
          className="flex flex-col gap-4"
          onSubmit={(event) => {
            event.preventDefault();
            if (path.trim() !== '' && !copying) start();
          }}
        >
          <p className="text-muted">
            {models.import.about} {node !== null && models.import.aboutNode(node)}
          </p>
          <Field label={models.import.path}>
            <input
              autoFocus
              className={inputClass}
              spellCheck={false}
              placeholder={models.import.placeholder}
              value={path}
              disabled={copying}
              onChange={(event) => setPath(event.target.value)}
            />
          </Field>
          {copying && (
            <div role="status" className="flex flex-col gap-1.5">
              <p className="text-muted">{models.import.copying}</p>
              <Progress value={null} max={1} label={models.import.copying} />
            </div>
          )}
          {importing.type === 'Failed' && (
            <div role="alert" className="flex items-start gap-2">
              <CircleAlert size={16} aria-hidden className="mt-0.5 shrink-0 text-bad" />
              <div className="min-w-0 wrap-anywhere">
                <p className="font-medium">{models.import.failed}</p>
                <p className="text-muted">{importing.message}</p>
              </div>
            </div>
          )}
        </form>
      )}
    </Dialog>
  );
});
