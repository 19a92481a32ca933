import type { KeyValue, Store, StoreEvent } from '../../store/store.ts';

/** A version of an object, or that it was deleted. */
export interface Version {
  revision: number;
  kv?: KeyValue;
}

export interface KeyHistory {
  /** From this revision on nothing is missing. */
  since: number;
  /** The oldest first. */
  versions: Version[];
}

/** One answer holds no more: of an object that is written all the time the newest versions. */
const mostVersions = 1_000;
const mostBytes = 8 * 1024 * 1024;
/** Compaction may go on while we ask. */
const mostTries = 5;

/** All versions of a key that the store still has, whatever keeps it. */
export async function historyOf(store: Store, key: string): Promise<KeyHistory> {
  let since = store.compactRevision;
  for (let tries = 1; ; tries++) {
    const found = await readFrom(store, key, since).catch((error: unknown) => {
      if ((error as { code?: string }).code !== 'COMPACTED') throw error;
      return store.compactRevision;
    });
    if (typeof found !== 'number') return bounded({ since, versions: found });
    if (tries === mostTries) throw new Error('the history is compacted faster than it is read');
    since = Math.max(found, since);
  }
}

/** The versions from a revision on; a number: compaction has come as far as that. */
async function readFrom(store: Store, key: string, since: number): Promise<Version[] | number> {
  const events: StoreEvent[] = [];
  let ended: { compacted?: number; error?: Error } | undefined;
  const watch = store.watch({
    key,
    startRevision: since + 1,
    onEvents: (some) => void events.push(...some),
    onEnd: (why) => {
      ended =
        why.reason === 'compacted'
          ? { compacted: why.compactRevision }
          : { error: new Error(`the history cannot be read: ${why.reason}`) };
    },
  });
  await watch.progress();
  watch.cancel();
  if (ended?.compacted !== undefined) return ended.compacted;
  if (ended?.error) throw ended.error;
  const base = since > 0 ? (await store.range({ key, revision: since })).kvs[0] : undefined;
  const later = events.map(({ type, kv }): Version => ({
    revision: kv.modRevision,
    ...(type === 'PUT' && { kv }),
  }));
  return base ? [{ revision: base.modRevision, kv: base }, ...later] : later;
}

function bounded({ since, versions }: KeyHistory): KeyHistory {
  let bytes = 0;
  let at = versions.length;
  while (at > 0 && versions.length - at < mostVersions) {
    bytes += versions[at - 1]?.kv?.value.length ?? 0;
    if (bytes > mostBytes && at < versions.length) break;
    at--;
  }
  const kept = versions.slice(at);
  return { since: at > 0 ? (kept[0]?.revision ?? since) : since, versions: kept };
}
