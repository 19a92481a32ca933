/**
 * The messages of messages.ts as decoded. What is absent on the wire has its zero value; absent
 * messages are undefined.
 */
export interface ResponseHeader {
  clusterId: string;
  memberId: string;
  revision: number;
  raftTerm: number;
}
export interface WireKeyValue {
  key: string;
  value: Uint8Array;
  createRevision: number;
  modRevision: number;
  version: number;
  lease: string;
}
export interface WireEvent {
  type: number;
  kv: WireKeyValue;
  prevKv?: WireKeyValue;
}
export interface RangeRequest {
  key: string;
  rangeEnd: string;
  limit: number;
  revision: number;
  sortOrder: number;
  sortTarget: number;
  serializable: boolean;
  keysOnly: boolean;
  countOnly: boolean;
  minModRevision: number;
  maxModRevision: number;
  minCreateRevision: number;
  maxCreateRevision: number;
}
export interface RangeResponse {
  header: ResponseHeader;
  kvs: WireKeyValue[];
  more: boolean;
  count: number;
}
export interface PutRequest {
  key: string;
  value: Uint8Array;
  lease: string;
  prevKv: boolean;
  ignoreValue: boolean;
  ignoreLease: boolean;
}
export interface PutResponse {
  header: ResponseHeader;
  prevKv?: WireKeyValue;
}
export interface DeleteRangeRequest {
  key: string;
  rangeEnd: string;
  prevKv: boolean;
}
export interface DeleteRangeResponse {
  header: ResponseHeader;
  deleted: number;
  prevKvs: WireKeyValue[];
}
export interface RequestOp {
  requestRange?: RangeRequest;
  requestPut?: PutRequest;
  requestDeleteRange?: DeleteRangeRequest;
  requestTxn?: TxnRequest;
}
export interface ResponseOp {
  responseRange?: RangeResponse;
  responsePut?: PutResponse;
  responseDeleteRange?: DeleteRangeResponse;
  responseTxn?: TxnResponse;
}
export interface Compare {
  result: number;
  target: number;
  key: string;
  version: number;
  createRevision: number;
  modRevision: number;
  value: Uint8Array;
  lease: string;
  rangeEnd: string;
}
export interface TxnRequest {
  compare: Compare[];
  success: RequestOp[];
  failure: RequestOp[];
}
export interface TxnResponse {
  header: ResponseHeader;
  succeeded: boolean;
  responses: ResponseOp[];
}
export interface WatchCreateRequest {
  key: string;
  rangeEnd: string;
  startRevision: number;
  progressNotify: boolean;
  filters: number[];
  prevKv: boolean;
  watchId: number;
  fragment: boolean;
}
export interface WatchRequest {
  createRequest?: WatchCreateRequest;
  cancelRequest?: { watchId: number };
  progressRequest?: object;
}
export interface WatchResponse {
  header: ResponseHeader;
  watchId: number;
  created: boolean;
  canceled: boolean;
  compactRevision: number;
  cancelReason: string;
  fragment: boolean;
  events: WireEvent[];
}
export interface Member {
  ID: string;
  name: string;
  peerURLs: string[];
  clientURLs: string[];
  isLearner: boolean;
}
export interface StatusResponse {
  header: ResponseHeader;
  version: string;
  dbSize: number;
  leader: string;
  raftIndex: number;
  raftTerm: number;
  raftAppliedIndex: number;
  errors: string[];
  dbSizeInUse: number;
}
export const sortOrders = ['NONE', 'ASCEND', 'DESCEND'] as const;
export const sortTargets = ['KEY', 'VERSION', 'CREATE', 'MOD', 'VALUE'] as const;
export const compareResults = ['EQUAL', 'GREATER', 'LESS', 'NOT_EQUAL'] as const;
export const compareTargets = ['VERSION', 'CREATE', 'MOD', 'VALUE', 'LEASE'] as const;
export const watchFilters = ['NOPUT', 'NODELETE'] as const;
