import type { ComponentChildren, JSX } from 'preact';
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
