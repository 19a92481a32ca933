import { type Rec, versionAt } from './record.ts';
import type { State } from './state.ts';

/** Every version that can still be read or watched, in the order of its making: what etcd keeps in its file. */
export function versionsOf(state: State): Rec[] {
  const { published, compactRevision } = state;
  const recs: Rec[] = [];
  state.index.scan('\0', '\0', (head) => {
    const oldest = versionAt(head, compactRevision);
    for (let rec: Rec | undefined = head; rec !== undefined; rec = rec.prev) {
      if (rec.modRevision > published) continue;
      // Compaction takes its time: what it will drop is left out already.
      if (rec.modRevision > compactRevision || rec === oldest) recs.push(rec);
      else break;
    }
    return true;
  });
  return recs.sort((a, b) => a.modRevision - b.modRevision || a.sub - b.sub);
}

/** The key of a version in etcd's file: its revision, its place in it, and a mark if it is a deletion. */
export function revisionKey(rec: Rec): Buffer {
  const bytes = Buffer.alloc(rec.version > 0 ? 17 : 18);
  revisionBytes(rec.modRevision, rec.sub).copy(bytes);
  if (rec.version === 0) bytes[17] = 0x74; // t
  return bytes;
}

export function revisionBytes(revision: number, sub: number): Buffer {
  const bytes = Buffer.alloc(17);
  bytes.writeBigInt64BE(BigInt(revision), 0);
  bytes[8] = 0x5f; // _
  bytes.writeBigInt64BE(BigInt(sub), 9);
  return bytes;
}
