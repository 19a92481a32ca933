import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { pathToFileURL } from 'node:url';
import { embedded, embeddedText } from './assets.ts';

export {
  parentPort,
  receiveMessageOnPort,
  threadId,
  workerData,
  type MessagePort,
  type Transferable,
  type Worker,
} from 'node:worker_threads';

/**
 * Starts a thread. `entry` is the path of its script below internal/, written out as a literal at
 * the call (`startWorker('store/sqlite/writer.ts', data)`), because the build finds the scripts to
 * embed by reading these calls. The script must not await at its top level (it is CommonJS there).
 * It takes `workerData` and `parentPort` from this file; `loadAddon` works in it as it does
 * outside.
 */
export function startWorker(
  entry: string,
  workerData: unknown,
  options: { transfer?: readonly import('node:worker_threads').Transferable[]; name?: string } = {},
): Worker {
  const rest = {
    workerData,
    transferList: [...(options.transfer ?? [])],
    name: options.name ?? entry,
  };
  if (embedded) return new Worker(embeddedText(workerAsset(entry)), { eval: true, ...rest });
  return new Worker(pathToFileURL(join(import.meta.dirname, '..', entry)), rest);
}

/** The name under which the build embeds a worker's script. */
export function workerAsset(entry: string): string {
  return `worker/${entry.replace(/\.ts$/, '.cjs')}`;
}
