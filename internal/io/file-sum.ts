import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { IoError, messageOf } from '../base/errors.ts';

/** The SHA-256 of a file, in hex, piece by piece: it may be larger than the memory. */
export async function sha256File(op: string, path: string): Promise<string> {
  const hash = createHash('sha256');
  try {
    for await (const piece of createReadStream(path, { highWaterMark: 1 << 20 }))
      hash.update(piece as Buffer);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'IO';
    throw new IoError(`${op}: ${path}: ${messageOf(cause)}`, { op, code, cause });
  }
  return hash.digest('hex');
}
