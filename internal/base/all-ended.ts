/**
 * Like `Promise.all`, but nothing goes on behind a failure, and of several failures the first in
 * order is thrown, whichever came first in time: one fault is said in the same words at every
 * start.
 */
export async function allEnded<T extends readonly unknown[]>(all: {
  [K in keyof T]: Promise<T[K]>;
}): Promise<T> {
  const results = await Promise.allSettled(all);
  const failed = results.find((result) => result.status === 'rejected');
  if (failed) throw failed.reason;
  return results.map(
    (result) => (result as PromiseFulfilledResult<unknown>).value,
  ) as readonly unknown[] as T;
}
