import { type Rec, versionAt } from './record.ts';
import type { State } from './state.ts';
import { turn } from '../io/turn.ts';

/** Versions put in order in one turn of the event loop. */
const sortedAtOnce = 8192;

/** Every version that can still be read or watched, in no order: what etcd keeps in its file. */
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
  return recs;
}

/** Puts versions in the order of their making, a little at a time: there may be a million. */
export async function inOrder(recs: Rec[]): Promise<Rec[]> {
  let runs: Rec[][] = [];
  for (let at = 0; at < recs.length; at += sortedAtOnce) {
    runs.push(recs.slice(at, at + sortedAtOnce).sort(byMaking));
    await turn();
  }
  while (runs.length > 1) {
    const longer: Rec[][] = [];
    for (let at = 0; at < runs.length; at += 2)
      longer.push(await merged(runs[at] as Rec[], runs[at + 1] ?? []));
    runs = longer;
  }
  return runs[0] ?? [];
}

async function merged(left: Rec[], right: Rec[]): Promise<Rec[]> {
  const all: Rec[] = [];
  let at = 0;
  for (const rec of right) {
    for (let next = left[at]; next !== undefined && byMaking(next, rec) < 0; next = left[++at])
      all.push(next);
    if (all.push(rec) % sortedAtOnce === 0) await turn();
  }
  while (at < left.length) all.push(left[at++] as Rec);
  return all;
}

const byMaking = (a: Rec, b: Rec): number => a.modRevision - b.modRevision || a.sub - b.sub;

/**
 * The key of a version in etcd's file: its revision, its place in it, and a mark if it is a
 * deletion.
 */
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
