import { holds } from './compare.ts';
import { compacted, duplicateKey, keyNotFound } from './errors.ts';
import { keysIn, range, type View } from './range.ts';
import { Rec, versionAt } from './record.ts';
import type { State } from './state.ts';
import type {
  DeleteRangeRequest,
  DeleteRangeResponse,
  KeyValue,
  Op,
  OpResponse,
  PutRequest,
  PutResponse,
  RangeRequest,
  TxnRequest,
  TxnResponse,
} from './store.ts';

/**
 * Which branch each transaction of the tree takes; etcd decides all of them before it applies
 * anything.
 */
interface Path {
  ops: Op[];
  succeeded: boolean;
  nested: Path[];
}

/**
 * Evaluates one write at the head of `state`: all checks first, then all effects. When it throws,
 * the caller undoes `recs`.
 */
export class Write {
  /** What it changed, in order. */
  readonly recs: Rec[] = [];
  readonly #state: State;
  readonly #base: number;
  readonly #revision: number;
  readonly #readOnly: boolean;

  /**
   * `base` is the revision it reads: the head, or for what only reads the published one.
   * `readOnly`: the disk takes no writes.
   */
  constructor(state: State, { base = state.head, readOnly = false } = {}) {
    this.#state = state;
    this.#base = base;
    this.#readOnly = readOnly;
    this.#revision = base + 1;
  }

  /** True when everything it changed is soft state. */
  get soft(): boolean {
    return this.recs.length > 0 && this.recs.every((rec) => rec.soft);
  }

  put(request: PutRequest): PutResponse {
    // Alone, a put is told of its lease first; in a transaction, of its key.
    this.#checkLease(request);
    this.#checkPut(request);
    return this.#put(request);
  }

  deleteRange(request: DeleteRangeRequest): DeleteRangeResponse {
    return this.#delete(request);
  }

  txn(request: TxnRequest): TxnResponse {
    const path = this.#choose(request);
    this.#check(path);
    return this.#run(path);
  }

  /** Deletes exactly these keys in their order, as the end of a lease does. */
  deleteKeys(keys: string[], soft: boolean): void {
    for (const key of keys) {
      const rec = versionAt(this.#state.index.get(key), this.#revision);
      if (rec) this.#change(tombstone(rec, this.#revision, this.recs.length, soft));
    }
  }

  get #view(): View {
    const revision = this.recs.length > 0 ? this.#revision : this.#base;
    return { index: this.#state.index, at: revision, revision };
  }

  #choose(request: TxnRequest): Path {
    const view = this.#view;
    const succeeded = request.compare.every((compare) => holds(view, compare));
    const ops = succeeded ? request.success : request.failure;
    const nested: Path[] = [];
    for (const op of ops) if (op.op === 'txn') nested.push(this.#choose(op));
    return { ops, succeeded, nested };
  }

  #check(path: Path): void {
    let next = 0;
    for (const op of path.ops) {
      if (op.op === 'range') this.#checkRange(op);
      else if (op.op === 'put') this.#checkPut(op);
      else if (op.op === 'txn') this.#check(path.nested[next++] as Path);
    }
  }

  /**
   * Only 0 means newest inside a transaction: a negative revision is one that is gone (etcd
   * server/etcdserver/txn checkRange).
   */
  #checkRange({ revision = 0 }: RangeRequest): void {
    if (revision < 0 && revision < this.#state.compactRevision) throw compacted();
    this.#state.readable(revision, this.#base);
  }

  #checkPut(request: PutRequest): void {
    if (
      (request.ignoreValue || request.ignoreLease) &&
      versionAt(this.#state.index.get(request.key), this.#base) === undefined
    )
      throw keyNotFound();
    this.#checkLease(request);
  }

  #checkLease({ lease, ignoreLease }: PutRequest): void {
    if (lease !== undefined && lease !== '0' && !ignoreLease) this.#state.leases.must(lease);
  }

  #run(path: Path): TxnResponse {
    const responses: OpResponse[] = [];
    let next = 0;
    for (const op of path.ops) {
      if (op.op === 'range')
        responses.push({ op: 'range', ...range(this.#viewAt(op.revision), op) });
      else if (op.op === 'put') responses.push({ op: 'put', ...this.#put(op) });
      else if (op.op === 'delete') responses.push({ op: 'delete', ...this.#delete(op) });
      else responses.push({ op: 'txn', ...this.#run(path.nested[next++] as Path) });
    }
    return { revision: this.#view.revision, succeeded: path.succeeded, responses };
  }

  #viewAt(revision: number | undefined): View {
    const view = this.#view;
    return revision === undefined || revision <= 0 ? view : { ...view, at: revision };
  }

  #put(request: PutRequest): PutResponse {
    const { key } = request;
    const before = this.#state.index.get(key);
    const old = versionAt(before, this.#revision);
    if (old?.modRevision === this.#revision) throw duplicateKey();
    const rec = new Rec({
      key,
      value: request.ignoreValue ? old?.value : request.value,
      createRevision: old?.createRevision ?? this.#revision,
      modRevision: this.#revision,
      version: (old?.version ?? 0) + 1,
      lease: request.ignoreLease ? (old?.lease ?? '0') : (request.lease ?? '0'),
      sub: this.recs.length,
      soft: (request.soft ?? false) || (this.#readOnly && (request.softIfReadOnly ?? false)),
      prev: before,
    });
    this.#change(rec);
    return request.prevKv && old
      ? { revision: this.#revision, prevKv: old }
      : { revision: this.#revision };
  }

  #delete(request: DeleteRangeRequest): DeleteRangeResponse {
    const old = keysIn(this.#view, request);
    for (const rec of old)
      this.#change(tombstone(rec, this.#revision, this.recs.length, request.soft ?? false));
    const prevKvs: KeyValue[] = request.prevKv ? old : [];
    return { revision: this.#view.revision, deleted: old.length, prevKvs };
  }

  #change(rec: Rec): void {
    this.#state.apply(rec);
    this.recs.push(rec);
  }
}

function tombstone(prev: Rec, revision: number, sub: number, soft: boolean): Rec {
  return new Rec({
    key: prev.key,
    createRevision: 0,
    modRevision: revision,
    version: 0,
    lease: '0',
    sub,
    soft,
    prev,
  });
}

/** True when no branch of the transaction writes. */
export function onlyReads(request: TxnRequest): boolean {
  const reads = (op: Op): boolean => op.op === 'range' || (op.op === 'txn' && onlyReads(op));
  return request.success.every(reads) && request.failure.every(reads);
}
