/**
 * The Store: etcd v3 semantics (https://etcd.io/docs/v3.5/learning/api/), whatever keeps the bytes.
 *
 * A key is a *binary string*: one character per byte, 0..255 (latin1), so that comparing two
 * strings compares their bytes. `keyOf('text')` turns UTF-8 text into one. Revisions are whole
 * numbers below 2^53. Records are immutable and shared: the same KeyValue object is handed to every
 * reader until the key changes, so a reader may hang derived data on it with a WeakMap. Nobody may
 * change `value`.
 */
export interface KeyValue {
  readonly key: string;
  readonly value: Uint8Array;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly version: number;
  /** Lease id in decimal (a signed 64-bit number), or '0' for none. */
  readonly lease: string;
}

/**
 * A half-open range of keys: `end` undefined = the single key; `end` = '\0' = all keys >= key
 * (etcd's convention).
 */
export interface KeyRange {
  key: string;
  end?: string;
}

export interface RangeRequest extends KeyRange {
  limit?: number;
  /** Read as of this revision; 0 or undefined = newest. */
  revision?: number;
  sort?: {
    target: 'KEY' | 'VERSION' | 'CREATE' | 'MOD' | 'VALUE';
    order: 'NONE' | 'ASCEND' | 'DESCEND';
  };
  keysOnly?: boolean;
  countOnly?: boolean;
  serializable?: boolean;
  minModRevision?: number;
  maxModRevision?: number;
  minCreateRevision?: number;
  maxCreateRevision?: number;
}

export interface RangeResponse {
  /** The store's revision when it answered. */
  revision: number;
  kvs: KeyValue[];
  more: boolean;
  /** Keys in the range, whatever the limit. */
  count: number;
}

export interface PutRequest {
  key: string;
  value: Uint8Array;
  lease?: string;
  prevKv?: boolean;
  ignoreValue?: boolean;
  ignoreLease?: boolean;
  /**
   * Soft state: may be lost in a power cut, is written lazily, is otherwise an ordinary write (see
   * README).
   */
  soft?: boolean;
  /**
   * Soft while the file system of the store takes no writes: what tells people that it does not.
   * Other stores than the file's have no such state.
   */
  softIfReadOnly?: boolean;
}
export interface PutResponse {
  revision: number;
  prevKv?: KeyValue;
}

export interface DeleteRangeRequest extends KeyRange {
  prevKv?: boolean;
  soft?: boolean;
}
export interface DeleteRangeResponse {
  revision: number;
  deleted: number;
  prevKvs: KeyValue[];
}

export interface Compare {
  key: string;
  end?: string;
  target: 'VERSION' | 'CREATE' | 'MOD' | 'VALUE' | 'LEASE';
  result: 'EQUAL' | 'GREATER' | 'LESS' | 'NOT_EQUAL';
  /** A number for VERSION, CREATE and MOD; bytes for VALUE; a lease id for LEASE. */
  operand: number | Uint8Array | string;
}

export type Op =
  | ({ op: 'range' } & RangeRequest)
  | ({ op: 'put' } & PutRequest)
  | ({ op: 'delete' } & DeleteRangeRequest)
  | ({ op: 'txn' } & TxnRequest);

export type OpResponse =
  | ({ op: 'range' } & RangeResponse)
  | ({ op: 'put' } & PutResponse)
  | ({ op: 'delete' } & DeleteRangeResponse)
  | ({ op: 'txn' } & TxnResponse);

export interface TxnRequest {
  compare: Compare[];
  success: Op[];
  failure: Op[];
}
export interface TxnResponse {
  revision: number;
  succeeded: boolean;
  responses: OpResponse[];
}

export interface StoreEvent {
  type: 'PUT' | 'DELETE';
  /** For DELETE: key and modRevision of the deletion, empty value, version 0. */
  kv: KeyValue;
  prevKv?: KeyValue;
}

export interface WatchRequest extends KeyRange {
  /** First revision wanted; 0 or undefined = from now on. */
  startRevision?: number;
  prevKv?: boolean;
  filters?: ('NOPUT' | 'NODELETE')[];
  /**
   * Called with all events of one or more whole revisions, in order, as soon as they are durable.
   * Must not block or throw.
   */
  onEvents(events: StoreEvent[], revision: number): void;
  /**
   * The watch ended: `compacted` (start revision is gone), `slow` (fell behind its memory limit) or
   * `closed`.
   */
  onEnd(
    why:
      | { reason: 'compacted'; compactRevision: number }
      | { reason: 'slow' }
      | { reason: 'closed' }
      | { reason: 'failed'; message: string },
  ): void;
}

export interface Watch {
  /** Every event up to this revision has been delivered to onEvents. */
  readonly revision: number;
  /**
   * Asks for `revision` to be brought up to the store's present; resolves with it (progress
   * notification).
   */
  progress(): Promise<number>;
  cancel(): void;
}

/**
 * Errors are StoreError with a `code`: COMPACTED, FUTURE_REVISION, KEY_NOT_FOUND, LEASE_NOT_FOUND,
 * LEASE_EXISTS, NO_SPACE, INVALID_ARGUMENT, DUPLICATE_KEY, TOO_MANY_OPS, CORRUPT, CLOSED,
 * UNAVAILABLE.
 */
export interface Store {
  /** The newest revision whose events have been published. */
  readonly revision: number;
  readonly compactRevision: number;
  range(request: RangeRequest): Promise<RangeResponse>;
  put(request: PutRequest): Promise<PutResponse>;
  deleteRange(request: DeleteRangeRequest): Promise<DeleteRangeResponse>;
  /**
   * Resolves after the commit is durable (soft writes: at once) and after its events were given to
   * all watches.
   */
  txn(request: TxnRequest): Promise<TxnResponse>;
  watch(request: WatchRequest): Watch;
  compact(revision: number): Promise<void>;
  leaseGrant(request: {
    ttlSeconds: number;
    id?: string;
  }): Promise<{ id: string; ttlSeconds: number }>;
  leaseRevoke(id: string): Promise<void>;
  leaseKeepAlive(id: string): Promise<{ ttlSeconds: number }>;
  leaseTimeToLive(
    id: string,
    options?: { keys?: boolean },
  ): Promise<{ ttlSeconds: number; grantedTtlSeconds: number; keys: string[] }>;
  leases(): Promise<string[]>;
  /** Bytes of the newest durable state on disk, as etcd's dbSize and dbSizeInUse. */
  size(): Promise<{ bytes: number; inUseBytes: number }>;
  close(): Promise<void>;
}

/** UTF-8 text as a key. */
export function keyOf(text: string): string {
  // Plain ASCII, which nearly all keys are, is its own binary string.
  return /^[\x00-\x7f]*$/.test(text) ? text : Buffer.from(text, 'utf8').toString('latin1');
}

/** The text of a key made by keyOf. */
export function textOf(key: string): string {
  return /^[\x00-\x7f]*$/.test(key) ? key : Buffer.from(key, 'latin1').toString('utf8');
}

/** The end of the range of all keys that start with `prefix`: etcd's GetPrefixRangeEnd. */
export function prefixEnd(prefix: string): string {
  for (let i = prefix.length - 1; i >= 0; i--) {
    const code = prefix.charCodeAt(i);
    if (code < 255) return prefix.slice(0, i) + String.fromCharCode(code + 1);
  }
  return '\0';
}
