import { encode } from '../../wire/etcd/codec.ts';
import type { Rec } from '../record.ts';
import { revisionBytes, revisionKey } from '../versions.ts';
import { BoltWriter, type Entry, type Pages } from './writer.ts';

/** What a store holds at one moment. */
export interface StoreContents {
  revision: number;
  compactRevision: number;
  recs: Rec[];
  leases: { id: string; ttlSeconds: number; remainingSeconds: number }[];
}

/** Who the store is to its clients: decimal numbers of 64 bits. */
export interface Identity {
  memberId: string;
  name: string;
  clientUrls: string[];
  raftTerm: number;
}

/**
 * The contents as the file an etcd 3.5 keeps them in, so that `snapshot status` and `snapshot restore` of etcd's own tools
 * take it. Newer tools know the level of a file without a version by what is in its bucket `meta`. Ends with the first pages.
 */
export function* etcdFile(contents: StoreContents, identity: Identity): Pages<Buffer> {
  const writer = new BoltWriter();
  const { memberId, name, clientUrls } = identity;
  const member = { id: 0, peerURLs: ['http://localhost:2380'], name, clientURLs: clientUrls };
  const hexId = BigInt(memberId).toString(16);
  // JSON has no numbers of 64 bits in JavaScript, so the id is put in as text.
  const json = (value: object): Buffer => Buffer.from(JSON.stringify(value).replace('"id":0', `"id":${memberId}`).replace('"voters":[0]', `"voters":[${memberId}]`));
  for (const empty of ['alarm', 'authRoles', 'authUsers', 'members_removed']) yield* writer.bucket(empty, []);
  yield* writer.bucket('auth', [{ key: Buffer.from('authRevision'), value: number64(1) }]);
  yield* writer.bucket('cluster', [{ key: Buffer.from('clusterVersion'), value: Buffer.from('3.5.0') }]);
  yield* writer.bucket('members', [{ key: Buffer.from(hexId), value: json(member) }]);
  yield* writer.bucket('meta', metaEntries(contents, identity.raftTerm, json({ voters: [0], auto_leave: false })));
  yield* writer.bucket('lease', leaseEntries(contents.leases));
  yield* writer.bucket('key', versionEntries(contents.recs));
  return yield* writer.finish();
}

function metaEntries({ revision, compactRevision }: StoreContents, raftTerm: number, confState: Buffer): Entry[] {
  const entries: [string, Buffer][] = [['confState', confState], ['consistent_index', number64(revision)]];
  if (compactRevision > 0) entries.push(['finishedCompactRev', revisionBytes(compactRevision, 0)], ['scheduledCompactRev', revisionBytes(compactRevision, 0)]);
  entries.push(['term', number64(raftTerm)]);
  return entries.map(([key, value]) => ({ key: Buffer.from(key), value }));
}

function leaseEntries(leases: StoreContents['leases']): Entry[] {
  return leases
    .map(({ id, ttlSeconds, remainingSeconds }) => ({ key: number64(id), value: encode('StoredLease', { ID: id, TTL: ttlSeconds, remainingTTL: remainingSeconds }) }))
    .sort((a, b) => Buffer.compare(a.key, b.key));
}

/** Encoded as they are written: all at once would take the memory twice. */
function* versionEntries(recs: Rec[]): Iterable<Entry> {
  for (const rec of recs) yield { key: revisionKey(rec), value: encode('KeyValue', rec.version > 0 ? rec : { key: rec.key }) };
}

function number64(value: number | string): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt.asUintN(64, BigInt(value)));
  return bytes;
}
