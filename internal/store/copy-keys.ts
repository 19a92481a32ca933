import type { Store } from './store.ts';

/** etcd takes 128 operations and 1.5 MiB in one transaction. */
const mostOps = 100;
const mostBytes = 1024 * 1024;

/**
 * Copies all keys that no lease will end, in order of their last change; revisions are the
 * target's. Returns how many.
 */
export async function copyKeys(from: Store, to: Store): Promise<number> {
  const { kvs } = await from.range({ key: '\0', end: '\0' });
  const lasting = kvs
    .filter((kv) => kv.lease === '0')
    .sort((a, b) => a.modRevision - b.modRevision);
  for (let at = 0; at < lasting.length;) {
    let bytes = 0;
    const start = at;
    while (at < lasting.length && at - start < mostOps && (at === start || bytes < mostBytes))
      bytes += (lasting[at++]?.value.length ?? 0) + 100;
    await to.txn({
      compare: [],
      success: lasting.slice(start, at).map(({ key, value }) => ({ op: 'put', key, value })),
      failure: [],
    });
  }
  return lasting.length;
}
