import { table } from '../../base/own.ts';
/** Facts of etcd's rpc.proto and kv.proto, level 3.6. */
export const etcdMessages: Record<string, string> = table({
  ResponseHeader: 'clusterId=1:uid memberId=2:uid revision=3:int raftTerm=4:int',
  KeyValue:
    'key=1:key createRevision=2:int modRevision=3:int version=4:int value=5:bytes lease=6:id',
  Event: 'type=1:enum kv=2:KeyValue prevKv=3:KeyValue',
  RangeRequest:
    'key=1:key rangeEnd=2:key limit=3:int revision=4:int sortOrder=5:enum sortTarget=6:enum ' +
    'serializable=7:bool keysOnly=8:bool countOnly=9:bool minModRevision=10:int ' +
    'maxModRevision=11:int minCreateRevision=12:int maxCreateRevision=13:int',
  RangeResponse: 'header=1:ResponseHeader kvs=2:[]KeyValue more=3:bool count=4:int',
  PutRequest:
    'key=1:key value=2:bytes lease=3:id prevKv=4:bool ignoreValue=5:bool ignoreLease=6:bool',
  PutResponse: 'header=1:ResponseHeader prevKv=2:KeyValue',
  DeleteRangeRequest: 'key=1:key rangeEnd=2:key prevKv=3:bool',
  DeleteRangeResponse: 'header=1:ResponseHeader deleted=2:int prevKvs=3:[]KeyValue',
  RequestOp:
    'requestRange=1:RangeRequest requestPut=2:PutRequest ' +
    'requestDeleteRange=3:DeleteRangeRequest requestTxn=4:TxnRequest',
  ResponseOp:
    'responseRange=1:RangeResponse responsePut=2:PutResponse ' +
    'responseDeleteRange=3:DeleteRangeResponse responseTxn=4:TxnResponse',
  Compare:
    'result=1:enum target=2:enum key=3:key version=4:int createRevision=5:int ' +
    'modRevision=6:int value=7:bytes lease=8:id rangeEnd=64:key',
  TxnRequest: 'compare=1:[]Compare success=2:[]RequestOp failure=3:[]RequestOp',
  TxnResponse: 'header=1:ResponseHeader succeeded=2:bool responses=3:[]ResponseOp',
  CompactionRequest: 'revision=1:int physical=2:bool',
  CompactionResponse: 'header=1:ResponseHeader',
  HashRequest: '',
  HashResponse: 'header=1:ResponseHeader hash=2:u32',
  HashKVRequest: 'revision=1:int',
  HashKVResponse: 'header=1:ResponseHeader hash=2:u32 compactRevision=3:int hashRevision=4:int',
  SnapshotRequest: '',
  SnapshotResponse: 'header=1:ResponseHeader remainingBytes=2:int blob=3:bytes version=4:str',
  WatchRequest:
    'createRequest=1:WatchCreateRequest cancelRequest=2:WatchCancelRequest ' +
    'progressRequest=3:WatchProgressRequest',
  WatchCreateRequest:
    'key=1:key rangeEnd=2:key startRevision=3:int progressNotify=4:bool filters=5:[]enum ' +
    'prevKv=6:bool watchId=7:int fragment=8:bool',
  WatchCancelRequest: 'watchId=1:int',
  WatchProgressRequest: '',
  WatchResponse:
    'header=1:ResponseHeader watchId=2:int created=3:bool canceled=4:bool ' +
    'compactRevision=5:int cancelReason=6:str fragment=7:bool events=11:[]Event',
  /** A lease in etcd's file. */
  StoredLease: 'ID=1:id TTL=2:int remainingTTL=3:int',
  LeaseGrantRequest: 'TTL=1:int ID=2:id',
  LeaseGrantResponse: 'header=1:ResponseHeader ID=2:id TTL=3:int error=4:str',
  LeaseRevokeRequest: 'ID=1:id',
  LeaseRevokeResponse: 'header=1:ResponseHeader',
  LeaseKeepAliveRequest: 'ID=1:id',
  LeaseKeepAliveResponse: 'header=1:ResponseHeader ID=2:id TTL=3:int',
  LeaseTimeToLiveRequest: 'ID=1:id keys=2:bool',
  LeaseTimeToLiveResponse:
    'header=1:ResponseHeader ID=2:id TTL=3:int grantedTTL=4:int keys=5:[]key',
  LeaseLeasesRequest: '',
  LeaseStatus: 'ID=1:id',
  LeaseLeasesResponse: 'header=1:ResponseHeader leases=2:[]LeaseStatus',
  Member: 'ID=1:uid name=2:str peerURLs=3:[]str clientURLs=4:[]str isLearner=5:bool',
  MemberAddRequest: 'peerURLs=1:[]str isLearner=2:bool',
  MemberAddResponse: 'header=1:ResponseHeader member=2:Member members=3:[]Member',
  MemberRemoveRequest: 'ID=1:uid',
  MemberRemoveResponse: 'header=1:ResponseHeader members=2:[]Member',
  MemberUpdateRequest: 'ID=1:uid peerURLs=2:[]str',
  MemberUpdateResponse: 'header=1:ResponseHeader members=2:[]Member',
  MemberListRequest: 'linearizable=1:bool',
  MemberListResponse: 'header=1:ResponseHeader members=2:[]Member',
  MemberPromoteRequest: 'ID=1:uid',
  MemberPromoteResponse: 'header=1:ResponseHeader members=2:[]Member',
  DefragmentRequest: '',
  DefragmentResponse: 'header=1:ResponseHeader',
  MoveLeaderRequest: 'targetID=1:uid',
  MoveLeaderResponse: 'header=1:ResponseHeader',
  AlarmRequest: 'action=1:enum memberID=2:uid alarm=3:enum',
  AlarmMember: 'memberID=1:uid alarm=2:enum',
  AlarmResponse: 'header=1:ResponseHeader alarms=2:[]AlarmMember',
  DowngradeRequest: 'action=1:enum version=2:str',
  DowngradeResponse: 'header=1:ResponseHeader version=2:str',
  StatusRequest: '',
  DowngradeInfo: 'enabled=1:bool targetVersion=2:str',
  StatusResponse:
    'header=1:ResponseHeader version=2:str dbSize=3:int leader=4:uid raftIndex=5:int ' +
    'raftTerm=6:int raftAppliedIndex=7:int errors=8:[]str dbSizeInUse=9:int ' +
    'isLearner=10:bool storageVersion=11:str dbSizeQuota=12:int ' +
    'downgradeInfo=13:DowngradeInfo',
  Empty: '',
  AuthStatusResponse: 'header=1:ResponseHeader enabled=2:bool authRevision=3:int',
  AuthNamesResponse: 'header=1:ResponseHeader names=2:[]str',
});
