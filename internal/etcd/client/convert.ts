import type * as s from '../../store/store.ts';
import {
  compareResults,
  compareTargets,
  sortOrders,
  sortTargets,
  type RangeResponse,
  type ResponseOp,
  type TxnResponse,
  type WireEvent,
  type WireKeyValue,
} from '../../wire/etcd/types.ts';

/** Requests of the Store as etcd's messages, and etcd's answers as the Store's. */
export function rangeMessage(r: s.RangeRequest): object {
  const { key, end, sort, ...rest } = r;
  return {
    key,
    rangeEnd: end,
    ...rest,
    ...(sort
      ? { sortOrder: sortOrders.indexOf(sort.order), sortTarget: sortTargets.indexOf(sort.target) }
      : {}),
  };
}

export function putMessage({ soft: _soft, ...rest }: s.PutRequest): object {
  return rest.ignoreValue ? { ...rest, value: undefined } : rest;
}

export function deleteMessage({ key, end, prevKv }: s.DeleteRangeRequest): object {
  return { key, rangeEnd: end, prevKv };
}

export function txnMessage(r: s.TxnRequest): object {
  return {
    compare: r.compare.map(compareMessage),
    success: r.success.map(opMessage),
    failure: r.failure.map(opMessage),
  };
}

function compareMessage(c: s.Compare): object {
  const fields = {
    VERSION: 'version',
    CREATE: 'createRevision',
    MOD: 'modRevision',
    VALUE: 'value',
    LEASE: 'lease',
  } as const;
  return {
    key: c.key,
    rangeEnd: c.end,
    result: compareResults.indexOf(c.result),
    target: compareTargets.indexOf(c.target),
    [fields[c.target]]: c.operand,
  };
}

function opMessage(op: s.Op): object {
  if (op.op === 'range') return { requestRange: rangeMessage(op) };
  if (op.op === 'put') return { requestPut: putMessage(op) };
  if (op.op === 'delete') return { requestDeleteRange: deleteMessage(op) };
  return { requestTxn: txnMessage(op) };
}

export function keyValue(kv: WireKeyValue): s.KeyValue {
  // Bytes of a message share its memory; a value must not keep a whole list alive.
  return { ...kv, value: Uint8Array.from(kv.value) };
}

export function rangeAnswer(r: RangeResponse): s.RangeResponse {
  return { revision: r.header.revision, kvs: r.kvs.map(keyValue), more: r.more, count: r.count };
}

export function txnAnswer(r: TxnResponse, revision: number): s.TxnResponse {
  return {
    revision,
    succeeded: r.succeeded,
    responses: r.responses.map((response) => opAnswer(response, revision)),
  };
}

function opAnswer(r: ResponseOp, revision: number): s.OpResponse {
  if (r.responseRange) return { op: 'range', ...rangeAnswer(r.responseRange) };
  if (r.responsePut)
    return {
      op: 'put',
      revision: r.responsePut.header.revision,
      ...(r.responsePut.prevKv ? { prevKv: keyValue(r.responsePut.prevKv) } : {}),
    };
  if (r.responseDeleteRange)
    return {
      op: 'delete',
      revision: r.responseDeleteRange.header.revision,
      deleted: r.responseDeleteRange.deleted,
      prevKvs: r.responseDeleteRange.prevKvs.map(keyValue),
    };
  return { op: 'txn', ...txnAnswer(r.responseTxn as TxnResponse, revision) };
}

export function storeEvent(e: WireEvent): s.StoreEvent {
  return {
    type: e.type === 0 ? 'PUT' : 'DELETE',
    kv: keyValue(e.kv),
    ...(e.prevKv ? { prevKv: keyValue(e.prevKv) } : {}),
  };
}
