import { GrpcStatus } from '../io/grpc-server.ts';
import { StoreError, type StoreErrorCode } from '../store/errors.ts';
import { WireError } from '../wire/protobuf/codec.ts';

/** gRPC's codes (https://grpc.io/docs/guides/status-codes). */
export const grpc = {
  canceled: 1,
  unknown: 2,
  invalidArgument: 3,
  notFound: 5,
  failedPrecondition: 9,
  outOfRange: 11,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  dataLoss: 15,
  resourceExhausted: 8,
} as const;

const invalid =
  (text: string): (() => GrpcStatus) =>
  () =>
    new GrpcStatus(grpc.invalidArgument, `etcdserver: ${text}`);
const failed =
  (text: string): (() => GrpcStatus) =>
  () =>
    new GrpcStatus(grpc.failedPrecondition, `etcdserver: ${text}`);

/** etcd's own answers, as its clients compare them. */
export const etcdError = {
  emptyKey: invalid('key is not provided'),
  keyNotFound: invalid('key not found'),
  valueProvided: invalid('value is provided'),
  leaseProvided: invalid('lease is provided'),
  tooManyOps: invalid('too many operations in txn request'),
  duplicateKey: invalid('duplicate key given in txn request'),
  invalidSortOption: invalid('invalid sort option'),
  requestTooLarge: invalid('request is too large'),
  invalidAuthManagement: invalid('invalid auth management'),
  userEmpty: invalid('user name is empty'),
  memberNotFound: () => new GrpcStatus(grpc.notFound, 'etcdserver: member not found'),
  memberNotEnoughStarted: failed('re-configuration failed due to not enough started members'),
  badLeaderTransferee: failed('bad leader transferee'),
  authNotEnabled: failed('authentication is not enabled'),
  rootUserMissing: failed('root user does not exist'),
  userNotFound: failed('user name not found'),
  roleNotFound: failed('role name not found'),
  noDowngrade: failed('no inflight downgrade job'),
  badDowngradeTarget: invalid('invalid downgrade target version'),
  badDowngradeFormat: invalid('wrong downgrade target version format'),
} as const;

const codes: Record<StoreErrorCode, number> = {
  COMPACTED: grpc.outOfRange,
  FUTURE_REVISION: grpc.outOfRange,
  KEY_NOT_FOUND: grpc.invalidArgument,
  LEASE_NOT_FOUND: grpc.notFound,
  LEASE_EXISTS: grpc.failedPrecondition,
  LEASE_TTL_TOO_LARGE: grpc.outOfRange,
  NO_SPACE: grpc.resourceExhausted,
  READ_ONLY: grpc.unavailable,
  INVALID_ARGUMENT: grpc.invalidArgument,
  DUPLICATE_KEY: grpc.invalidArgument,
  TOO_MANY_OPS: grpc.invalidArgument,
  CORRUPT: grpc.dataLoss,
  CLOSED: grpc.unavailable,
  UNAVAILABLE: grpc.unavailable,
};

/** The message for the caller, of anything that was thrown. */
export function statusOf(error: unknown): GrpcStatus {
  if (error instanceof GrpcStatus) return error;
  if (error instanceof WireError)
    return new GrpcStatus(grpc.internal, `grpc: error unmarshalling request: ${error.message}`);
  if (!(error instanceof StoreError)) return new GrpcStatus(grpc.unknown, String(error));
  if (error.code === 'NO_SPACE')
    return new GrpcStatus(grpc.resourceExhausted, 'etcdserver: mvcc: database space exceeded');
  if (error.code === 'CLOSED')
    return new GrpcStatus(grpc.unavailable, 'etcdserver: server stopped');
  return new GrpcStatus(codes[error.code], `etcdserver: ${error.message}`);
}
