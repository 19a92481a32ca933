import type {
  DeleteRangeRequest,
  PutRequest,
  RangeRequest,
  RequestOp,
  TxnRequest,
} from '../wire/etcd/types.ts';
import { etcdError } from './errors.ts';

/** etcd's defaults: --max-txn-ops and --max-request-bytes. */
const maxTxnOps = 128;
export const maxRequestBytes = 1.5 * 1024 * 1024;
/** What gRPC itself takes; larger requests never reach etcd's own check. */
export const maxMessageBytes = maxRequestBytes + 512 * 1024;

const sortOrders = 3;
const sortTargets = 5;

export function checkRange(request: RangeRequest): void {
  if (request.key.length === 0) throw etcdError.emptyKey();
  if (!(request.sortOrder >= 0 && request.sortOrder < sortOrders))
    throw etcdError.invalidSortOption();
  if (!(request.sortTarget >= 0 && request.sortTarget < sortTargets))
    throw etcdError.invalidSortOption();
}

export function checkPut(request: PutRequest): void {
  if (request.key.length === 0) throw etcdError.emptyKey();
  if (request.ignoreValue && request.value.length !== 0) throw etcdError.valueProvided();
  if (request.ignoreLease && request.lease !== '0') throw etcdError.leaseProvided();
}

export function checkDelete(request: DeleteRangeRequest): void {
  if (request.key.length === 0) throw etcdError.emptyKey();
}

export function checkTxn(request: TxnRequest): void {
  checkOps(request, maxTxnOps);
  checkOverlaps(request.success);
  checkOverlaps(request.failure);
}

function checkOps(request: TxnRequest, most: number): void {
  const ops = Math.max(request.compare.length, request.success.length, request.failure.length);
  if (ops > most) throw etcdError.tooManyOps();
  for (const compare of request.compare) if (compare.key.length === 0) throw etcdError.emptyKey();
  for (const op of [...request.success, ...request.failure]) {
    if (op.requestRange) checkRange(op.requestRange);
    else if (op.requestPut) checkPut(op.requestPut);
    else if (op.requestDeleteRange) checkDelete(op.requestDeleteRange);
    else if (op.requestTxn) checkOps(op.requestTxn, most - ops);
    else throw etcdError.keyNotFound();
  }
}

interface Interval {
  key: string;
  /** '' = the single key. */
  end: string;
}

interface Changes {
  puts: Set<string>;
  deletes: Interval[];
}

/**
 * One transaction may change a key once: puts must meet neither puts nor deletes, on any level that
 * can run together.
 */
function checkOverlaps(ops: RequestOp[]): Changes {
  const deletes: Interval[] = [];
  for (const { requestDeleteRange } of ops)
    if (requestDeleteRange)
      deletes.push({ key: requestDeleteRange.key, end: requestDeleteRange.rangeEnd });
  const puts = new Set<string>();
  for (const { requestTxn } of ops) {
    if (!requestTxn) continue;
    const then = checkOverlaps(requestTxn.success);
    const otherwise = checkOverlaps(requestTxn.failure);
    for (const key of then.puts) addPut(key, puts, deletes);
    // The two branches exclude each other, so they may put the same key.
    for (const key of otherwise.puts)
      if (!then.puts.has(key)) addPut(key, puts, deletes);
      else if (deletes.some((d) => covers(d, key))) throw etcdError.duplicateKey();
    deletes.push(...then.deletes, ...otherwise.deletes);
  }
  for (const { requestPut } of ops) if (requestPut) addPut(requestPut.key, puts, deletes);
  return { puts, deletes };
}

function addPut(key: string, puts: Set<string>, deletes: Interval[]): void {
  if (puts.has(key) || deletes.some((d) => covers(d, key))) throw etcdError.duplicateKey();
  puts.add(key);
}

function covers({ key, end }: Interval, put: string): boolean {
  if (end === '') return put === key;
  return put >= key && (end === '\0' || put < end);
}
