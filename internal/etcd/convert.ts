import type * as s from '../store/store.ts';
import { compareResults, compareTargets, sortOrders, sortTargets } from '../wire/etcd/types.ts';
import type * as w from '../wire/etcd/types.ts';

/** Requests of the wire as requests of the Store, and its answers as answers of the wire. */
export function rangeRequest(r: w.RangeRequest): s.RangeRequest {
  const plain = r.sortOrder === 0 && r.sortTarget === 0;
  return {
    key: r.key,
    end: r.rangeEnd === '' ? undefined : r.rangeEnd,
    limit: r.limit,
    revision: r.revision,
    sort: plain
      ? undefined
      : { order: sortOrders[r.sortOrder] ?? 'NONE', target: sortTargets[r.sortTarget] ?? 'KEY' },
    keysOnly: r.keysOnly,
    countOnly: r.countOnly,
    serializable: r.serializable,
    minModRevision: r.minModRevision,
    maxModRevision: r.maxModRevision,
    minCreateRevision: r.minCreateRevision,
    maxCreateRevision: r.maxCreateRevision,
  };
}

export function putRequest(r: w.PutRequest): s.PutRequest {
  // The value is a piece of the message it came in, which is nobody else's; the store copies what
  // it keeps.
  return {
    key: r.key,
    value: r.value,
    lease: r.lease,
    prevKv: r.prevKv,
    ignoreValue: r.ignoreValue,
    ignoreLease: r.ignoreLease,
  };
}

export function deleteRequest(r: w.DeleteRangeRequest): s.DeleteRangeRequest {
  return { key: r.key, end: r.rangeEnd === '' ? undefined : r.rangeEnd, prevKv: r.prevKv };
}

export function txnRequest(r: w.TxnRequest): s.TxnRequest {
  return {
    compare: r.compare.map(compare),
    success: r.success.map(op),
    failure: r.failure.map(op),
  };
}

function compare(c: w.Compare): s.Compare {
  const target = compareTargets[c.target] ?? 'VERSION';
  const operands = {
    VERSION: c.version,
    CREATE: c.createRevision,
    MOD: c.modRevision,
    VALUE: c.value,
    LEASE: c.lease,
  };
  return {
    key: c.key,
    end: c.rangeEnd === '' ? undefined : c.rangeEnd,
    target,
    result: compareResults[c.result] ?? 'EQUAL',
    operand: operands[target],
  };
}

function op(o: w.RequestOp): s.Op {
  if (o.requestRange) return { op: 'range', ...rangeRequest(o.requestRange) };
  if (o.requestPut) return { op: 'put', ...putRequest(o.requestPut) };
  if (o.requestDeleteRange) return { op: 'delete', ...deleteRequest(o.requestDeleteRange) };
  return { op: 'txn', ...txnRequest(o.requestTxn ?? { compare: [], success: [], failure: [] }) };
}

export function responseOp(r: s.OpResponse): object {
  // Inside a transaction headers carry the revision alone.
  const header = { revision: r.revision };
  if (r.op === 'range')
    return { responseRange: { header, kvs: r.kvs, more: r.more, count: r.count } };
  if (r.op === 'put') return { responsePut: { header, prevKv: r.prevKv } };
  if (r.op === 'delete')
    return { responseDeleteRange: { header, deleted: r.deleted, prevKvs: r.prevKvs } };
  // Nested ones carry none at all.
  return {
    responseTxn: { header: {}, succeeded: r.succeeded, responses: r.responses.map(responseOp) },
  };
}
