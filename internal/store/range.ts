import type { KeyIndex } from './key-index.ts';
import { type Rec, versionAt } from './record.ts';
import type { KeyRange, KeyValue, RangeRequest, RangeResponse } from './store.ts';

const noBytes = new Uint8Array(0);

/** Where the records come from, and as of when. */
export interface View {
  index: KeyIndex;
  /** Records above this are not there. */
  at: number;
  /** What the answer names as the store's revision. */
  revision: number;
  /** Set when `at` is the published revision, whose number of keys the index knows. */
  lives?: (head: Rec) => boolean;
}

/** Range as etcd answers it (server/etcdserver/txn/range.go), order and cutting included. */
export function range(view: View, request: RangeRequest): RangeResponse {
  if (request.end === undefined || request.end === '') return single(view, request);
  const filters = hasFilters(request);
  const order = request.sort?.order ?? 'NONE';
  const limit = request.limit ?? 0;
  const fetchAll = filters || order !== 'NONE' || limit <= 0;
  if (request.countOnly)
    return {
      revision: view.revision,
      kvs: [],
      more: false,
      count: count(view, request.key, request.end),
    };
  let kvs: KeyValue[] = [];
  // One more than wanted tells whether there is more.
  const most = fetchAll ? Infinity : limit + 1;
  const { at } = view;
  view.index.scan(request.key, request.end, (head) => {
    const rec = versionAt(head, at);
    if (rec !== undefined) kvs.push(rec);
    return kvs.length < most;
  });
  const total = fetchAll || kvs.length < most ? kvs.length : count(view, request.key, request.end);
  if (filters) kvs = kvs.filter((kv) => passes(kv, request));
  sort(kvs, request);
  const more = limit > 0 && kvs.length > limit;
  if (more) kvs.length = limit;
  return {
    revision: view.revision,
    kvs: request.keysOnly ? kvs.map(withoutValue) : kvs,
    more,
    count: total,
  };
}

/** The keys of a range that exist. */
export function keysIn(view: View, range: KeyRange): Rec[] {
  const found: Rec[] = [];
  if (range.end === undefined || range.end === '') {
    const rec = versionAt(view.index.get(range.key), view.at);
    if (rec) found.push(rec);
    return found;
  }
  view.index.scan(range.key, range.end, (head) => {
    const rec = versionAt(head, view.at);
    if (rec) found.push(rec);
    return true;
  });
  return found;
}

function single(view: View, request: RangeRequest): RangeResponse {
  const rec = versionAt(view.index.get(request.key), view.at);
  const { revision } = view;
  if (rec === undefined) return { revision, kvs: [], more: false, count: 0 };
  if (request.countOnly || !passes(rec, request))
    return { revision, kvs: [], more: false, count: 1 };
  return { revision, kvs: [request.keysOnly ? withoutValue(rec) : rec], more: false, count: 1 };
}

function count(view: View, key: string, end: string): number {
  if (view.lives) return view.index.countLive(key, end, view.lives);
  let total = 0;
  view.index.scan(key, end, (head) => {
    if (versionAt(head, view.at) !== undefined) total++;
    return true;
  });
  return total;
}

function hasFilters(r: RangeRequest): boolean {
  return !!(r.minModRevision || r.maxModRevision || r.minCreateRevision || r.maxCreateRevision);
}

function passes(kv: KeyValue, r: RangeRequest): boolean {
  if (r.maxModRevision && kv.modRevision > r.maxModRevision) return false;
  if (r.minModRevision && kv.modRevision < r.minModRevision) return false;
  if (r.maxCreateRevision && kv.createRevision > r.maxCreateRevision) return false;
  return !(r.minCreateRevision && kv.createRevision < r.minCreateRevision);
}

function sort(kvs: KeyValue[], request: RangeRequest): void {
  const target = request.sort?.target ?? 'KEY';
  let order = request.sort?.order ?? 'NONE';
  if (target !== 'KEY' && order === 'NONE') order = 'ASCEND';
  if (order === 'NONE' || (order === 'ASCEND' && target === 'KEY')) return;
  const by = orders[target];
  kvs.sort(order === 'ASCEND' ? by : (a, b) => by(b, a));
}

const orders: Record<
  NonNullable<RangeRequest['sort']>['target'],
  (a: KeyValue, b: KeyValue) => number
> = {
  KEY: (a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0),
  VERSION: (a, b) => a.version - b.version,
  CREATE: (a, b) => a.createRevision - b.createRevision,
  MOD: (a, b) => a.modRevision - b.modRevision,
  VALUE: (a, b) => Buffer.compare(a.value, b.value),
};

function withoutValue(kv: KeyValue): KeyValue {
  return {
    key: kv.key,
    value: noBytes,
    createRevision: kv.createRevision,
    modRevision: kv.modRevision,
    version: kv.version,
    lease: kv.lease,
  };
}
