import { observer } from 'mobx-react-lite';
import { useEffect, useState, type ReactElement } from 'react';
import { Button } from '../../components/button.tsx';
import { Dialog } from '../../components/dialog.tsx';
import { EmptyState } from '../../components/small.tsx';
import { CreateStore } from '../../stores/create-store.ts';
import type { RootStore } from '../../stores/root-store.ts';
import type { DialogAbout } from '../../stores/ui-store.ts';
import { create } from '../../strings/create.ts';
import { shell } from '../../strings/shell.ts';
import { PlacePreview } from './place-preview.tsx';
import { SpecForm } from './spec-form.tsx';

const LOOK_EVERY_MS = 3_000;

const after = (delayMs: number, call: () => void): (() => void) => {
  const timer = setTimeout(call, delayMs);
  return () => clearTimeout(timer);
};

/** Runs a model, or changes what is wanted of one: on the left the wish, on the right what comes of it. */
export default observer(function CreateDialog({
  root,
  about,
}: {
  readonly root: RootStore;
  readonly about: Exclude<DialogAbout, { type: 'Pair' }>;
}): ReactElement | null {
  const existing =
    about.type === 'Edit'
      ? (Object.values(root.cluster.state.metaInstances).find(
          ({ metaInstanceId }) => metaInstanceId === about.metaInstanceId,
        ) ?? null)
      : null;
  const modelId =
    existing?.spec.modelId ??
    (about.type === 'Create' ? about.modelId : undefined) ??
    root.models.cards[0]?.modelId;
  const close = (): void => root.ui.closeDialog();
  if (modelId === undefined) {
    return (
      <Dialog title={create.title} onClose={close}>
        <EmptyState title={shell.loading} />
      </Dialog>
    );
  }
  return <Form root={root} existing={existing} modelId={modelId} onClose={close} />;
});

const Form = observer(function Form({
  root,
  existing,
  modelId,
  onClose,
}: {
  readonly root: RootStore;
  readonly existing: CreateStore['existing'];
  readonly modelId: string;
  readonly onClose: () => void;
}): ReactElement {
  const [store] = useState(() => new CreateStore({ root, after }, { existing, modelId }));
  useEffect(() => {
    const timer = setInterval(() => store.lookAgain(), LOOK_EVERY_MS);
    return () => {
      clearInterval(timer);
      store.close();
    };
  }, [store]);
  const submit = async (): Promise<void> => {
    if (!(await store.submit())) return;
    if (existing === null) {
      const name = store.draft.name.trim() || (store.card?.title ?? store.draft.modelId);
      root.toasts.show({ text: create.started(name) });
    }
    onClose();
  };
  const hasPlace = (store.candidates?.candidates.length ?? 0) > 0;
  return (
    <Dialog
      wide
      title={existing === null ? create.title : create.editTitle(existing.metaInstanceId)}
      onClose={onClose}
      footer={
        <>
          <Button onClick={onClose}>{create.cancel}</Button>
          <Button
            look="primary"
            disabled={store.isAsking || Object.keys(store.fields).length > 0}
            onClick={() => void submit()}
          >
            {existing !== null
              ? create.save
              : hasPlace || store.candidates === null
                ? create.run
                : create.runWaiting}
          </Button>
        </>
      }
    >
      <form
        className="grid gap-6 md:grid-cols-[1fr_20rem]"
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <SpecForm root={root} store={store} />
        <PlacePreview store={store} />
      </form>
    </Dialog>
  );
});
