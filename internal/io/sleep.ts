/** A clock's `sleep`, made of its `after`. */
export function sleepBy(
  after: (op: string, delayMs: number, fn: () => void) => { cancel(): void },
  op: string,
  delayMs: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const done = (): void => {
      timer.cancel();
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = after(op, delayMs, done);
    signal?.addEventListener('abort', done);
  });
}
