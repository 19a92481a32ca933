import { IoError, messageOf } from '../base/errors.ts';

/** What the file system answers, as an IoError that names the operation and the path. */
export async function guarded<T>(
  op: string,
  path: string | Buffer,
  effect: () => Promise<T>,
): Promise<T> {
  try {
    return await effect();
  } catch (cause) {
    if (cause instanceof IoError) throw cause;
    const code = (cause as NodeJS.ErrnoException).code ?? 'IO';
    throw new IoError(`${op}: ${path.toString()}: ${messageOf(cause)}`, { op, code, cause });
  }
}

/** Undefined where there is nothing; `alsoNot` is one more code that means as much. */
export async function ifThere<T>(effect: Promise<T>, alsoNot?: string): Promise<T | undefined> {
  try {
    return await effect;
  } catch (error) {
    return alsoNot !== undefined && (error as NodeJS.ErrnoException).code === alsoNot
      ? undefined
      : absent(error);
  }
}

/** For a `catch`: nothing there is undefined, any other error goes on. */
export function absent(error: unknown): undefined {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
  throw error;
}
