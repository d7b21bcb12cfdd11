import { observer } from 'mobx-react-lite';
import { useEffect, useState, type ReactElement } from 'react';
import { Button } from '../../components/button.tsx';
import { Dialog } from '../../components/dialog.tsx';
import { Field, inputClass } from '../../components/small.tsx';
import { Ticking } from '../../components/ticking.tsx';
import type { MethodResult } from '../../../main/core/contract/ipc.ts';
import { formatDuration } from '../../lib/format.ts';
import type { RootStore } from '../../stores/root-store.ts';
import { create } from '../../strings/create.ts';

type Pairing = MethodResult<'showPairingCode'>;

const LOOK_EVERY_MS = 1_000;

/** Shows a code for another computer, or takes one that another shows. */
export default observer(function PairDialog({
  root,
  given,
}: {
  readonly root: RootStore;
  /** A code that a link brought: only typed, and none is shown for another computer beside it. */
  readonly given?: string | undefined;
}): ReactElement {
  const close = (): void => {
    if (given === undefined) void root.call('cancelPairingCode', {}).catch(() => undefined);
    root.ui.closeDialog();
  };
  return (
    <Dialog
      title={given === undefined ? create.pairTitle : create.joinTitle}
      onClose={close}
      footer={
        given === undefined ? (
          <Button look="primary" onClick={close}>
            {create.done}
          </Button>
        ) : (
          <Button onClick={close}>{create.notNow}</Button>
        )
      }
    >
      <div className="flex flex-col gap-6">
        {given === undefined && <Code root={root} />}
        <Join root={root} given={given} onDone={() => root.ui.closeDialog()} />
      </div>
    </Dialog>
  );
});

function Code({ root }: { readonly root: RootStore }): ReactElement {
  const [pairing, setPairing] = useState<Pairing | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const [asked, setAsked] = useState(0);
  useEffect(() => {
    let isShown = true;
    root.call('showPairingCode', {}).then(
      (shown) => {
        if (isShown) setPairing(shown);
      },
      (error: unknown) => {
        if (isShown) setProblem(error instanceof Error ? error.message : String(error));
      },
    );
    const timer = setInterval(() => {
      root.call('cluster', {}).then(
        (view) => {
          if (isShown && view.pairing !== null) setPairing(view.pairing);
        },
        () => undefined,
      );
    }, LOOK_EVERY_MS);
    return () => {
      isShown = false;
      clearInterval(timer);
    };
  }, [root, asked]);
  if (problem !== null) return <p className="text-bad">{problem}</p>;
  if (pairing === null) return <p className="text-muted">{create.looking}</p>;
  const { code, state, joined, addresses, expiresAt } = pairing;
  if (state === 'Joined' && joined !== null) return <p role="status">{create.pairJoined(joined.name)}</p>;
  if (code === null) {
    return (
      <div className="flex items-center gap-3">
        <p>{pairing.message === '' ? create.pairEnded : pairing.message}</p>
        <Button onClick={() => setAsked(asked + 1)}>{create.newCode}</Button>
      </div>
    );
  }
  return (
    <div className="flex flex-col gap-3">
      <p className="text-muted">{create.pairIntro}</p>
      <p className="flex flex-col items-center rounded-xl bg-sunken py-5">
        <output aria-label={create.pairCode} className="font-mono text-2xl tracking-widest select-all">
          {code}
        </output>
        <span className="text-sm text-muted">
          {state === 'Joining' && joined !== null ? (
            create.pairJoining(joined.name)
          ) : (
            <Ticking>{() => create.pairLeft(formatDuration(expiresAt - root.now()))}</Ticking>
          )}
        </span>
      </p>
      {addresses.length > 0 && (
        <details>
          <summary className="text-muted">{create.pairAddresses}</summary>
          <ul className="pt-1 font-mono text-sm select-text">
            {addresses.map((address) => (
              <li key={address}>{address}</li>
            ))}
          </ul>
        </details>
      )}
    </div>
  );
}

function Join({
  root,
  given = '',
  onDone,
}: {
  readonly root: RootStore;
  readonly given?: string | undefined;
  readonly onDone: () => void;
}): ReactElement {
  const [code, setCode] = useState(given);
  const [address, setAddress] = useState('');
  const [problem, setProblem] = useState<string | null>(null);
  const [isJoining, setJoining] = useState(false);
  const join = async (): Promise<void> => {
    setJoining(true);
    setProblem(null);
    try {
      const { message } = await root.call('join', {
        code,
        ...(address.trim() !== '' && { address: address.trim() }),
      });
      root.toasts.show({ text: message });
      onDone();
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
    } finally {
      setJoining(false);
    }
  };
  return (
    <form
      className={`flex flex-col gap-3 ${given === '' ? 'border-t border-line pt-4' : ''}`}
      onSubmit={(event) => {
        event.preventDefault();
        void join();
      }}
    >
      {given === '' ? (
        <h3>{create.orJoin}</h3>
      ) : (
        <p role="status" className="text-muted">
          {create.joinGiven}
        </p>
      )}
      <Field label={create.joinCode} hint={create.joinHint} problem={problem ?? undefined}>
        <input
          className={`${inputClass} font-mono`}
          autoComplete="off"
          spellCheck={false}
          value={code}
          onChange={(event) => setCode(event.target.value)}
        />
      </Field>
      <Field label={create.joinAddress}>
        <input
          className={`${inputClass} font-mono`}
          autoComplete="off"
          spellCheck={false}
          value={address}
          onChange={(event) => setAddress(event.target.value)}
        />
      </Field>
      <div>
        <Button
          type="submit"
          look={given === '' ? 'plain' : 'primary'}
          disabled={isJoining || code.trim() === ''}
        >
          {isJoining ? create.joining : create.join}
        </Button>
      </div>
    </form>
  );
}
