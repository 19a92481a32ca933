import { SkiffError } from '../base/errors.ts';

export type StoreErrorCode =
  | 'COMPACTED'
  | 'FUTURE_REVISION'
  | 'KEY_NOT_FOUND'
  | 'LEASE_NOT_FOUND'
  | 'LEASE_EXISTS'
  | 'LEASE_TTL_TOO_LARGE'
  | 'NO_SPACE'
  | 'READ_ONLY'
  | 'INVALID_ARGUMENT'
  | 'DUPLICATE_KEY'
  | 'TOO_MANY_OPS'
  | 'CORRUPT'
  | 'CLOSED'
  | 'UNAVAILABLE';

/**
 * Everything a Store answers instead of a result. The texts are etcd's, because some clients read
 * them.
 */
export class StoreError extends SkiffError {
  declare readonly code: StoreErrorCode;

  constructor(
    code: StoreErrorCode,
    message: string,
    options: { op?: string; hint?: string; cause?: unknown } = {},
  ) {
    super(message, { code, op: options.op ?? 'store', hint: options.hint, cause: options.cause });
  }
}

export const compacted = (): StoreError =>
  new StoreError('COMPACTED', 'mvcc: required revision has been compacted');
export const futureRevision = (): StoreError =>
  new StoreError('FUTURE_REVISION', 'mvcc: required revision is a future revision');
export const keyNotFound = (): StoreError => new StoreError('KEY_NOT_FOUND', 'key not found');
export const leaseNotFound = (): StoreError =>
  new StoreError('LEASE_NOT_FOUND', 'requested lease not found');
export const leaseExists = (): StoreError => new StoreError('LEASE_EXISTS', 'lease already exists');
export const duplicateKey = (): StoreError =>
  new StoreError('DUPLICATE_KEY', 'duplicate key given in txn request');
export const noRoom = (): StoreError =>
  new StoreError('NO_SPACE', 'database space exceeded', {
    op: 'commit',
    hint: 'free space on the file system of the data directory',
  });
export const readOnly = (): StoreError =>
  new StoreError('READ_ONLY', 'the file system of the datastore is read-only', {
    op: 'commit',
    hint: 'look at the kernel log, check the file system and mount it for writing again',
  });
export const closed = (): StoreError => new StoreError('CLOSED', 'the store is closed');
