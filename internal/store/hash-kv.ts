import { encode } from '../wire/etcd/codec.ts';
import { type Rec, versionAt } from './record.ts';
import type { State } from './state.ts';
import { revisionKey } from './versions.ts';

/**
 * etcd's HashKV (storage/mvcc/hash.go): CRC-32C over the bucket's name and then, in order of
 * revision, the revision and the stored message of every version up to `revision`. Two members, or
 * an etcd and a skiff, with the same history agree.
 */
export function hashKv(state: State, revision: number): number {
  const recs: Rec[] = [];
  const newest = new Set<Rec>();
  state.index.scan('\0', '\0', (head) => {
    const current = versionAt(head, revision);
    if (current) newest.add(current);
    for (let rec: Rec | undefined = head; rec !== undefined; rec = rec.prev)
      if (rec.modRevision <= revision) recs.push(rec);
    return true;
  });
  recs.sort((a, b) => a.modRevision - b.modRevision || a.sub - b.sub);
  const { compactRevision } = state;
  let crc = crc32c(Buffer.from('key'), 0);
  for (const rec of recs) {
    // What compaction may already have removed elsewhere does not count.
    if (rec.modRevision <= compactRevision && newest.size > 0 && !newest.has(rec)) continue;
    if (rec.modRevision === compactRevision && rec.version === 0) continue;
    crc = crc32c(
      encode('KeyValue', rec.version > 0 ? rec : { key: rec.key }),
      crc32c(revisionKey(rec), crc),
    );
  }
  return crc;
}

let table: Uint32Array | undefined;

/** CRC-32C (Castagnoli), which node:zlib does not have. */
function crc32c(bytes: Uint8Array, crc: number): number {
  table ??= Uint32Array.from({ length: 256 }, (_, n) => {
    let c = n;
    for (let k = 0; k < 8; k++) c = c & 1 ? 0x82f63b78 ^ (c >>> 1) : c >>> 1;
    return c >>> 0;
  });
  let c = ~crc;
  for (let i = 0; i < bytes.length; i++)
    c = (table[(c ^ (bytes[i] as number)) & 0xff] as number) ^ (c >>> 8);
  return ~c >>> 0;
}
