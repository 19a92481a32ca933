import { SkiffError } from '../../base/errors.ts';

class IndexError extends SkiffError {
  constructor(message: string) {
    super(message, { code: 'BadIndexes', op: 'validate' });
  }
}

type Interval = [number, number];

/**
 * `1,3-5`, as the status and the policies of indexed jobs have it. Returns how many there are, or
 * what is wrong.
 */
export function countIndexes(text: string, completions: number): number | string {
  try {
    let total = 0;
    let last: number | undefined;
    for (const [from, to] of text
      ? text.split(',').map((part) => interval(part, completions))
      : []) {
      if (last !== undefined && last >= from)
        throw new IndexError(`non-increasing order, previous: ${last}, current: ${from}`);
      total += to - from + 1;
      last = to;
    }
    return total;
  } catch (error) {
    if (error instanceof IndexError) return error.message;
    throw error;
  }
}

function interval(text: string, completions: number): Interval {
  const parts = text.split('-');
  if (parts.length > 2)
    throw new IndexError(
      `the fragment ${JSON.stringify(text)} violates the requirement that an index interval ` +
        `can have at most two parts separated by '-'`,
    );
  const index = (part: string): number => {
    if (!/^[+]?[0-9]+$/.test(part))
      throw new IndexError(`cannot convert string to integer for index: ${JSON.stringify(part)}`);
    if (Number(part) >= completions)
      throw new IndexError(`too large index: ${JSON.stringify(part)}`);
    return Number(part);
  };
  const from = index(parts[0] ?? '');
  if (parts.length === 1) return [from, from];
  const to = index(parts[1] ?? '');
  if (from >= to) throw new IndexError(`non-increasing order, previous: ${from}, current: ${to}`);
  return [from, to];
}

/** The first index that is both completed and failed, as Kubernetes walks them. */
export function overlap(
  completed: string,
  failed: string,
  completions: number,
): number | undefined {
  const read = (text: string): Interval[] =>
    text.split(',').flatMap((part) => {
      try {
        return [interval(part, completions)];
      } catch (error) {
        if (error instanceof IndexError) return [];
        throw error;
      }
    });
  if (!completed || !failed) return undefined;
  const [done, broken] = [read(completed), read(failed)];
  for (let [i, j] = [0, 0]; i < done.length && j < broken.length;) {
    const [[a, b], [c, d]] = [done[i] as Interval, broken[j] as Interval];
    if (a <= d && c <= b) return Math.max(a, c);
    if (a <= c) i++;
    else j++;
  }
  return undefined;
}
