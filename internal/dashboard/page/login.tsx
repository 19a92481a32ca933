import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { ApiFailure, credentials } from './api.ts';
import { tokenIn } from './kubeconfig.ts';
import { Failure, Notice } from './parts.tsx';
import { whoAmI } from './session.ts';

export function Login({ onDone, why }: { onDone: () => void; why: unknown }): JSX.Element {
  const [text, setText] = useState('');
  const [error, setError] = useState<unknown>(why);
  const [busy, setBusy] = useState(false);
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    try {
      credentials.keep(tokenIn(text));
      const { user } = await whoAmI();
      if (user === 'system:anonymous') throw new Error('the server knows nobody by this token');
      onDone();
    } catch (failure) {
      credentials.keep(undefined);
      setError(
        failure instanceof ApiFailure && failure.code === 401
          ? new Error('the server does not take this token: it may have ended')
          : failure,
      );
    } finally {
      setBusy(false);
    }
  };
  return (
    <main id="content" class="login" tabIndex={-1}>
      <h1>Log in to skiff</h1>
      <form onSubmit={(event) => void submit(event)}>
        <label for="token">A token, or a kubeconfig that holds one</label>
        <textarea
          id="token"
          rows={5}
          spellcheck={false}
          autocomplete="off"
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
        <label class="file">
          … or a kubeconfig's file{' '}
          <input
            type="file"
            onChange={(event) => {
              void event.currentTarget.files?.[0]?.text().then(setText);
            }}
          />
        </label>
        {error !== undefined && <Failure error={error} />}
        <p>
          <button type="submit" disabled={busy || text.trim() === ''}>
            Log in
          </button>
        </p>
      </form>
      <Notice>
        A token that lasts an hour: <code>kubectl create token NAME</code>, for a service account
        with the rights that you want to have here. It is kept in this tab until it is closed.
      </Notice>
      <Notice>
        With a client certificate: put it into the browser, or run <code>kubectl proxy</code> and
        open <code>http://127.0.0.1:8001/dashboard/</code>.
      </Notice>
    </main>
  );
}
