import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { messageOf } from './api.ts';
import { visible } from './text.ts';

/** Text of others, in a box of its own: its direction of writing ends where it does. */
export function Foreign({ text }: { text: string }): JSX.Element {
  return <bdi>{visible(text)}</bdi>;
}

export function Notice({
  children,
  bad,
}: {
  children: ComponentChildren;
  bad?: boolean;
}): JSX.Element {
  return (
    <p class={bad ? 'notice bad' : 'notice'} role={bad ? 'alert' : 'status'}>
      {children}
    </p>
  );
}

export function Failure({ error }: { error: unknown }): JSX.Element {
  return (
    <Notice bad>
      <Foreign text={messageOf(error)} />
    </Notice>
  );
}
/** Runs something once at a time and says how it went. */
export function useAction(): {
  busy: boolean;
  said: JSX.Element | undefined;
  run: (what: string, action: () => Promise<unknown>) => void;
} {
  const [busy, setBusy] = useState(false);
  const [said, say] = useState<JSX.Element | undefined>(undefined);
  const alive = useRef(true);
  useEffect(
    () => () => {
      alive.current = false;
    },
    [],
  );
  const run = (what: string, action: () => Promise<unknown>): void => {
    if (busy) return;
    setBusy(true);
    say(undefined);
    action()
      .then(
        () => say(<Notice>{what}: done.</Notice>),
        (error: unknown) => say(<Failure error={error} />),
      )
      .finally(() => {
        if (alive.current) setBusy(false);
      });
  };
  return { busy, said, run };
}

/** A question in the browser's own modal: it keeps the keyboard, and Escape closes it. */
export function Dialog({
  title,
  onClose,
  children,
}: {
  title: string;
  onClose: () => void;
  children: ComponentChildren;
}): JSX.Element {
  const box = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const before = document.activeElement;
    box.current?.showModal();
    return () => {
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  return (
    <dialog ref={box} onClose={onClose} aria-labelledby="dialog-title">
      <h2 id="dialog-title">{title}</h2>
      {children}
    </dialog>
  );
}
