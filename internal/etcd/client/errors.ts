import { GrpcStatus } from '../../io/grpc-server.ts';
import { StoreError, type StoreErrorCode } from '../../store/errors.ts';

/** etcd's texts, which are what its clients go by. */
const codes: [RegExp, StoreErrorCode][] = [
  [/required revision has been compacted/, 'COMPACTED'],
  [/required revision is a future revision/, 'FUTURE_REVISION'],
  [/key not found/, 'KEY_NOT_FOUND'],
  [/lease not found/, 'LEASE_NOT_FOUND'],
  [/lease already exists/, 'LEASE_EXISTS'],
  [/too large lease TTL/, 'LEASE_TTL_TOO_LARGE'],
  [/database space exceeded/, 'NO_SPACE'],
  [/duplicate key given/, 'DUPLICATE_KEY'],
  [/too many operations/, 'TOO_MANY_OPS'],
  [/corrupt cluster/, 'CORRUPT'],
];
const invalidArgument = 3;

/** What an etcd said, as an error of the Store. */
export function storeErrorOf(error: unknown, op: string): StoreError {
  if (error instanceof StoreError) return error;
  if (!(error instanceof GrpcStatus))
    return new StoreError('UNAVAILABLE', String(error), { op, cause: error });
  const known = codes.find(([pattern]) => pattern.test(error.message))?.[1];
  if (known)
    return new StoreError(known, error.message.replace(/^etcdserver: /, ''), { op, cause: error });
  if (error.grpcCode === invalidArgument)
    return new StoreError('INVALID_ARGUMENT', error.message, { op, cause: error });
  return new StoreError('UNAVAILABLE', error.message, {
    op,
    cause: error,
    hint: 'look at the datastore: its endpoints, certificates and log',
  });
}
