import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';

/** What the kernel says of the machine and of this process. */
const kernelTable = /^\/proc\/([a-z]+|net\/route|(self|sys)\/.*)$/;

/**
 * The bytes of a file. The kernel's own tables are in memory and make nobody wait; read by the
 * thread pool, each costs four exchanges between threads, every ten seconds, for ever.
 */
export async function readBytes(path: string): Promise<Buffer> {
  return kernelTable.test(path) ? readFileSync(path) : await readFile(path);
}
