import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { json } from './api.ts';
import { diffLines, hunks, type DiffLine } from './diff.ts';
import type { KubeObject } from './objects.ts';
import { Failure, Notice } from './parts.tsx';
import { objectPath, withQuery, type Ref } from './paths.ts';
import { visible } from './text.ts';

/** Loaded with the first look at YAML. */
const yaml = (): Promise<typeof import('./yaml.ts')> => import('./yaml.ts');

interface Checked {
  text: string;
  lines: (DiffLine | undefined)[];
}

/**
 * An object as YAML. What was edited is first sent as a dry run: the server says what would become
 * of it, defaults and webhooks included, and only what was looked at can be applied.
 */
export function YamlView({
  at,
  object,
  mayEdit,
  onDone,
}: {
  at: Ref;
  object: KubeObject;
  mayEdit: boolean;
  onDone: () => void;
}): JSX.Element {
  const [text, setText] = useState('');
  const [opened, setOpened] = useState('');
  /** What the text is when nobody has edited it. */
  const edited = useRef('');
  const [checked, setChecked] = useState<Checked | undefined>(undefined);
  const [error, setError] = useState<unknown>(undefined);
  const [said, say] = useState('');
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    yaml()
      .then(({ yamlOf }) => {
        const now = yamlOf(object);
        // What is being edited is not taken away by what happens to the object meanwhile.
        setText((text) => (text === edited.current ? now : text));
        edited.current = now;
        setOpened(now);
      })
      .catch(setError);
  }, [object]);

  const send = async (dryRun: boolean): Promise<KubeObject> => {
    const { objectOf } = await yaml();
    const path = withQuery(objectPath(at), {
      fieldManager: 'skiff-dashboard',
      fieldValidation: 'Strict',
      dryRun: dryRun ? 'All' : undefined,
    });
    return json<KubeObject>(path, { method: 'PUT', body: objectOf(text, object) });
  };
  const run = (action: () => Promise<void>): void => {
    setBusy(true);
    setError(undefined);
    say('');
    action()
      .catch(setError)
      .finally(() => setBusy(false));
  };
  const check = async (): Promise<void> => {
    setChecked(undefined);
    const { yamlOf } = await yaml();
    const after = yamlOf(await send(true));
    setChecked({ text, lines: hunks(diffLines(opened, after)) });
  };
  const apply = async (): Promise<void> => {
    await send(false);
    edited.current = text;
    setChecked(undefined);
    say('Applied.');
    onDone();
  };

  return (
    <>
      <label for="yaml">{mayEdit ? 'YAML, to be edited' : 'YAML'}</label>
      <textarea
        id="yaml"
        rows={24}
        spellcheck={false}
        readOnly={!mayEdit}
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
      />
      {mayEdit && (
        <p class="tools">
          <button type="button" disabled={busy || text === opened} onClick={() => run(check)}>
            Check
          </button>
          <button
            type="button"
            disabled={busy || checked?.text !== text}
            onClick={() => run(apply)}
          >
            Apply
          </button>
          <span role="status">{said}</span>
        </p>
      )}
      {error !== undefined && <Failure error={error} />}
      {checked && <Difference lines={checked.lines} />}
    </>
  );
}

function Difference({ lines }: { lines: Checked['lines'] }): JSX.Element {
  if (!lines.some((line) => line && line.mark !== ' '))
    return <Notice>The server would change nothing.</Notice>;
  const classes = { '+': 'added', '-': 'gone', ' ': '' };
  return (
    <>
      <h2>What the server would make of it</h2>
      <pre class="diff" tabIndex={0} role="region" aria-label="Differences">
        {lines.map((line, i) => (
          <span key={i} class={line ? classes[line.mark] : 'faint'}>
            {line ? `${line.mark} ${visible(line.text)}` : '…'}
          </span>
        ))}
      </pre>
    </>
  );
}
