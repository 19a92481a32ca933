import { useEffect, useRef, useState } from 'preact/hooks';
import { Listing } from './listing.ts';
import type { Kind } from './paths.ts';
import { listPath } from './paths.ts';

/** A list as long as the view is there. */
export function useListing(
  kind: Kind,
  namespace: string | undefined,
  form: 'table' | 'objects',
  query?: Record<string, string>,
): Listing | undefined {
  const [, count] = useState(0);
  const again = (): void => count((n) => n + 1);
  const current = useRef<Listing | undefined>(undefined);
  const path = listPath(kind, namespace);
  useEffect(() => {
    const made = new Listing({ path, form, changed: again, ...(query && { query }) });
    current.current = made;
    again();
    return () => {
      made.stop();
      current.current = undefined;
    };
  }, [path, form, JSON.stringify(query)]);
  return current.current;
}

/** The time, told anew every so many seconds: ages grow while nothing else changes. */
export function useNow(everyMs = 10_000): number {
  const [now, set] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => set(Date.now()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return now;
}

/** Asked for now and every so often, while the page can be seen. */
export function usePolled<T>(
  ask: (signal: AbortSignal) => Promise<T>,
  everyMs: number,
): T | undefined {
  const [value, set] = useState<T | undefined>(undefined);
  useEffect(() => {
    const end = new AbortController();
    const look = (): void => {
      if (document.visibilityState !== 'visible') return;
      ask(end.signal).then(
        (found) => {
          if (!end.signal.aborted) set(found);
        },
        () => undefined,
      );
    };
    look();
    const timer = setInterval(look, everyMs);
    return () => {
      end.abort();
      clearInterval(timer);
    };
  }, []);
  return value;
}
