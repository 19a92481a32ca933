import {
  prefixEnd,
  type KeyValue,
  type Op,
  type OpResponse,
  type RangeRequest,
  type RangeResponse,
  type Store,
  type StoreEvent,
  type TxnRequest,
  type TxnResponse,
  type Watch,
  type WatchRequest,
} from '../store/store.ts';

/**
 * A store in memory for tests of the layers above: enough of etcd's semantics for them, with full
 * history and no compaction.
 */
export function memoryStore(): Store & { events: { revision: number; events: StoreEvent[] }[] } {
  let revision = 1;
  let compacted = 0;
  const live = new Map<string, KeyValue>();
  const history: { revision: number; events: StoreEvent[] }[] = [];
  const watches = new Set<{ request: WatchRequest }>();
  const within = (key: string, from: string, end: string | undefined): boolean =>
    end === undefined ? key === from : key >= from && (end === '\0' || key < end);
  const stateAt = (at: number): Map<string, KeyValue> => {
    if (!at || at >= revision) return live;
    const state = new Map<string, KeyValue>();
    for (const entry of history) {
      if (entry.revision > at) break;
      for (const event of entry.events) {
        if (event.type === 'PUT') state.set(event.kv.key, event.kv);
        else state.delete(event.kv.key);
      }
    }
    return state;
  };
  const range = (request: RangeRequest): RangeResponse => {
    if (request.revision && request.revision < compacted)
      throw Object.assign(new Error('compacted'), { code: 'COMPACTED' });
    if (request.revision && request.revision > revision)
      throw Object.assign(new Error('future revision'), { code: 'FUTURE_REVISION' });
    const all = [...stateAt(request.revision ?? 0).values()]
      .filter((kv) => within(kv.key, request.key, request.end))
      .sort((a, b) => (a.key < b.key ? -1 : 1));
    const kvs = request.limit ? all.slice(0, request.limit) : all;
    return { revision, kvs, more: kvs.length < all.length, count: all.length };
  };
  const run = (op: Op, at: number, events: StoreEvent[]): OpResponse => {
    switch (op.op) {
      case 'range':
        return { op: 'range', ...range(op) };
      case 'put': {
        const old = live.get(op.key);
        const kv: KeyValue = {
          key: op.key,
          value: op.value,
          createRevision: old?.createRevision ?? at,
          modRevision: at,
          version: (old?.version ?? 0) + 1,
          lease: op.lease ?? '0',
        };
        live.set(op.key, kv);
        events.push({ type: 'PUT', kv, prevKv: old });
        return { op: 'put', revision: at };
      }
      case 'delete': {
        const gone = range(op).kvs;
        for (const prevKv of gone) {
          live.delete(prevKv.key);
          events.push({
            type: 'DELETE',
            kv: {
              key: prevKv.key,
              value: new Uint8Array(),
              createRevision: 0,
              modRevision: at,
              version: 0,
              lease: '0',
            },
            prevKv,
          });
        }
        return { op: 'delete', revision: at, deleted: gone.length, prevKvs: gone };
      }
      default:
        return { op: 'txn', ...txn(op) };
    }
  };
  const txn = (request: TxnRequest): TxnResponse => {
    const succeeded = request.compare.every(
      (c) => (live.get(c.key)?.modRevision ?? 0) === c.operand,
    );
    const events: StoreEvent[] = [];
    const responses = (succeeded ? request.success : request.failure).map((op) =>
      run(op, revision + 1, events),
    );
    if (events.length) {
      revision++;
      history.push({ revision, events });
      for (const { request: watch } of watches) {
        const seen = events.filter((event) => within(event.kv.key, watch.key, watch.end));
        if (seen.length) watch.onEvents(seen, revision);
      }
    }
    return { revision, succeeded, responses };
  };
  const watch = (request: WatchRequest): Watch => {
    const entry = { request };
    if (request.startRevision && request.startRevision <= compacted)
      queueMicrotask(() => request.onEnd({ reason: 'compacted', compactRevision: compacted }));
    else {
      for (const past of request.startRevision
        ? history.filter((h) => h.revision >= (request.startRevision ?? 0))
        : []) {
        const seen = past.events.filter((event) => within(event.kv.key, request.key, request.end));
        if (seen.length) request.onEvents(seen, past.revision);
      }
      watches.add(entry);
    }
    return {
      get revision() {
        return revision;
      },
      progress: async () => revision,
      cancel: () => void watches.delete(entry),
    };
  };
  return {
    events: history,
    get revision() {
      return revision;
    },
    get compactRevision() {
      return compacted;
    },
    range: async (request) => range(request),
    put: async (request) => ({
      revision: txn({ compare: [], success: [{ op: 'put', ...request }], failure: [] }).revision,
    }),
    deleteRange: async (request) => {
      const done = txn({ compare: [], success: [{ op: 'delete', ...request }], failure: [] });
      return { revision: done.revision, deleted: 0, prevKvs: [] };
    },
    txn: async (request) => txn(request),
    watch,
    compact: async (at) => void (compacted = at),
    leaseGrant: async ({ ttlSeconds }) => ({ id: '1', ttlSeconds }),
    leaseRevoke: async () => undefined,
    leaseKeepAlive: async () => ({ ttlSeconds: 1 }),
    leaseTimeToLive: async () => ({ ttlSeconds: 1, grantedTtlSeconds: 1, keys: [] }),
    leases: async () => [],
    size: async () => ({ bytes: 0, inUseBytes: 0 }),
    close: async () => undefined,
  };
}

export { prefixEnd };
