import type { JSX } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { call } from './api.ts';
import { eachLine } from './lines.ts';
import type { PodObject } from './objects.ts';
import { Failure } from './parts.tsx';
import { objectPath, withQuery, type Ref } from './paths.ts';
import { logLine } from './text.ts';

/** What is kept of a log; older lines go as new ones come. */
const mostLines = 2_000;
const longestLine = 4_096;

export function Logs({ pod, at }: { pod: PodObject; at: Ref }): JSX.Element {
  const { containers = [], initContainers = [], ephemeralContainers = [] } = pod.spec ?? {};
  const names = [...containers, ...initContainers, ...ephemeralContainers].map(({ name }) => name);
  const [container, setContainer] = useState(names[0] ?? '');
  const [previous, setPrevious] = useState(false);
  const [lines, setLines] = useState<readonly string[]>([]);
  const [error, setError] = useState<unknown>(undefined);
  const [over, setOver] = useState(false);
  const box = useRef<HTMLPreElement>(null);
  const atEnd = useRef(true);

  useEffect(() => {
    const end = new AbortController();
    let kept: string[] = [];
    let due: ReturnType<typeof setTimeout> | undefined;
    const show = (): void => {
      due = undefined;
      setLines([...kept]);
    };
    const read = async (): Promise<void> => {
      const query = { container, follow: previous ? undefined : 'true', tailLines: mostLines };
      const path = withQuery(objectPath(at, 'log'), {
        ...query,
        previous: previous ? 'true' : undefined,
      });
      const answer = await call(path, { accept: '*/*', signal: end.signal });
      for await (const line of eachLine(answer, longestLine)) {
        kept.push(logLine(line));
        if (kept.length > 2 * mostLines) kept = kept.slice(-mostLines);
        due ??= setTimeout(show, 100);
      }
    };
    setLines([]);
    setError(undefined);
    setOver(false);
    read().then(
      () => setOver(true),
      (failure: unknown) => {
        if (!end.signal.aborted) setError(failure);
      },
    );
    return () => {
      end.abort();
      clearTimeout(due);
    };
  }, [container, previous]);

  // Whoever has scrolled up reads: the view stays there.
  useLayoutEffect(() => {
    if (atEnd.current && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [lines]);

  return (
    <>
      <p class="tools">
        <label>
          Container{' '}
          <select value={container} onChange={(event) => setContainer(event.currentTarget.value)}>
            {names.map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>
        <label>
          <input
            type="checkbox"
            checked={previous}
            onChange={(event) => setPrevious(event.currentTarget.checked)}
          />{' '}
          of its last life
        </label>
        <span role="status">{over ? 'ended' : ''}</span>
      </p>
      {error !== undefined && <Failure error={error} />}
      <pre
        class="log"
        ref={box}
        tabIndex={0}
        role="region"
        aria-label={`Log of ${container}`}
        onScroll={({ currentTarget: { scrollTop, clientHeight, scrollHeight } }) => {
          atEnd.current = scrollTop + clientHeight > scrollHeight - 40;
        }}
      >
        {lines.slice(-mostLines).join('\n')}
      </pre>
    </>
  );
}
