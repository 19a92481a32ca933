import { etcdFile, type Identity } from '../store/bolt/etcd-file.ts';
import type { LogStore } from '../store/log-store.ts';
import type { SnapshotFiles } from './maintenance.ts';
import { raftTerm } from './server.ts';
import { turn } from '../io/turn.ts';

/** Pages made in one turn of the event loop. */
const pagesPerTurn = 64;

/**
 * Snapshots as etcd's own file, made from memory as they are sent: etcd's tools judge and restore
 * them. The file is gone through twice, since its first page tells what only its end knows, and
 * nothing is written to our disk.
 */
export function etcdSnapshots(
  store: LogStore,
  identity: Omit<Identity, 'raftTerm'>,
): SnapshotFiles {
  return {
    async read() {
      const contents = await store.contents();
      const pages = (): ReturnType<typeof etcdFile> =>
        etcdFile(contents, { ...identity, raftTerm });
      let size = 0;
      const first = pages();
      let step = first.next();
      for (let n = 1; step.done !== true; n++, step = first.next()) {
        size += step.value.length;
        if (n % pagesPerTurn === 0) await turn();
      }
      const head = step.value;
      return {
        size: size + head.length,
        chunks: (async function* () {
          yield head;
          for (const chunk of batched(pages())) {
            yield chunk;
            await turn();
          }
        })(),
      };
    },
  };
}

function* batched(pages: Iterable<Buffer>): Iterable<Buffer> {
  let waiting: Buffer[] = [];
  for (const page of pages) {
    waiting.push(page);
    if (waiting.length < pagesPerTurn) continue;
    yield Buffer.concat(waiting);
    waiting = [];
  }
  if (waiting.length > 0) yield Buffer.concat(waiting);
}
