import { messageOf } from '../../base/errors.ts';
import { decode, encode } from '../../wire/etcd/codec.ts';
import { StoreError } from '../errors.ts';
import { Rec } from '../record.ts';
import type { KeyValue } from '../store.ts';
import { revisionBytes, revisionKey } from '../versions.ts';
import { BoltReader, damaged, type ReadAt } from './reader.ts';
import { BoltWriter, type Entry, type Pages } from './writer.ts';

/** A revision, its place in it, and the mark of a deletion. */
const deletionBytes = 18;

/** What a store holds at one moment. */
export interface StoreContents {
  revision: number;
  compactRevision: number;
  /** In the order of their making. */
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
 * The contents as the file an etcd 3.5 keeps them in, so that `snapshot status` and `snapshot
 * restore` of etcd's own tools take it. Newer tools know the level of a file without a version by
 * what is in its bucket `meta`. Ends with the first pages.
 */
export function* etcdFile(contents: StoreContents, identity: Identity): Pages<Buffer> {
  const writer = new BoltWriter();
  const { memberId, name, clientUrls } = identity;
  const member = { id: 0, peerURLs: ['http://localhost:2380'], name, clientURLs: clientUrls };
  const hexId = BigInt(memberId).toString(16);
  // JSON has no numbers of 64 bits in JavaScript, so the id is put in as text.
  const json = (value: object): Buffer =>
    Buffer.from(
      JSON.stringify(value)
        .replace('"id":0', `"id":${memberId}`)
        .replace('"voters":[0]', `"voters":[${memberId}]`),
    );
  for (const empty of ['alarm', 'authRoles', 'authUsers', 'members_removed'])
    yield* writer.bucket(empty, []);
  yield* writer.bucket('auth', [{ key: Buffer.from('authRevision'), value: number64(1) }]);
  yield* writer.bucket('cluster', [
    { key: Buffer.from('clusterVersion'), value: Buffer.from('3.5.0') },
  ]);
  yield* writer.bucket('members', [{ key: Buffer.from(hexId), value: json(member) }]);
  yield* writer.bucket(
    'meta',
    metaEntries(contents, identity.raftTerm, json({ voters: [0], auto_leave: false })),
  );
  yield* writer.bucket('lease', leaseEntries(contents.leases));
  yield* writer.bucket('key', versionEntries(contents.recs));
  return yield* writer.finish();
}

function metaEntries(
  { revision, compactRevision }: StoreContents,
  raftTerm: number,
  confState: Buffer,
): Entry[] {
  const entries: [string, Buffer][] = [
    ['confState', confState],
    ['consistent_index', number64(revision)],
  ];
  if (compactRevision > 0)
    entries.push(
      ['finishedCompactRev', revisionBytes(compactRevision, 0)],
      ['scheduledCompactRev', revisionBytes(compactRevision, 0)],
    );
  entries.push(['term', number64(raftTerm)]);
  return entries.map(([key, value]) => ({ key: Buffer.from(key), value }));
}

function leaseEntries(leases: StoreContents['leases']): Entry[] {
  return leases
    .map(({ id, ttlSeconds, remainingSeconds }) => ({
      key: number64(id),
      value: encode('StoredLease', { ID: id, TTL: ttlSeconds, remainingTTL: remainingSeconds }),
    }))
    .sort((a, b) => Buffer.compare(a.key, b.key));
}

/** Encoded as they are written: all at once would take the memory twice. */
function* versionEntries(recs: Rec[]): Iterable<Entry> {
  for (const rec of recs)
    yield {
      key: revisionKey(rec),
      value: encode('KeyValue', rec.version > 0 ? rec : { key: rec.key }),
    };
}

/**
 * What an etcd's file holds, as far as a store keeps it: users and roles, alarms and members stay
 * behind.
 */
export function readEtcdFile(readAt: ReadAt): {
  compactRevision: number;
  recs: Iterable<Rec>;
  leases: StoreContents['leases'];
} {
  return whole(() => readAll(new BoltReader(readAt)));
}

function readAll(reader: BoltReader): ReturnType<typeof readEtcdFile> {
  let compactRevision = -1;
  for (const { key, value } of reader.bucket('meta')) {
    if (key.toString() === 'finishedCompactRev' || key.toString() === 'scheduledCompactRev')
      compactRevision = Math.max(compactRevision, Number(value.readBigInt64BE(0)));
  }
  const leases = [...reader.bucket('lease')].map(({ value }) => {
    const { ID, TTL, remainingTTL } = decode<{ ID: string; TTL: number; remainingTTL: number }>(
      'StoredLease',
      value,
    );
    return { id: ID, ttlSeconds: TTL, remainingSeconds: remainingTTL > 0 ? remainingTTL : TTL };
  });
  return { compactRevision, leases, recs: versionsIn(reader) };
}

function* versionsIn(reader: BoltReader): Iterable<Rec> {
  for (const { key, value } of reader.bucket('key')) {
    yield whole(() => versionOf(key, value));
  }
}

function versionOf(key: Buffer, value: Buffer): Rec {
  const place = {
    modRevision: Number(key.readBigInt64BE(0)),
    sub: Number(key.readBigInt64BE(9)),
    soft: false,
    prev: undefined,
  };
  const kv = decode<KeyValue>('KeyValue', value);
  return new Rec(
    key.length === deletionBytes
      ? { ...place, key: kv.key, createRevision: 0, version: 0, lease: '0' }
      : { ...kv, ...place },
  );
}

/** Whatever bytes do to their reader, it says that they are damaged. */
function whole<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw error instanceof StoreError ? error : damaged(messageOf(error));
  }
}

function number64(value: number | string): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt.asUintN(64, BigInt(value)));
  return bytes;
}
