import type { KeyValue } from '../../store/store.ts';

/** A run of records that are neighbours in a list. */
export interface Run {
  from: number;
  to: number;
}

/** A run ends behind each record whose number is divisible by this, once it is mixed. */
const runItems = 64;
/** And when it has so many bytes, or a chance of nature makes it long. */
const runBytes = 128 * 1024;
const mostRunItems = 512;

/**
 * Cuts a list into runs. Where a run ends is up to the records in it, so that after a change all
 * the others are as before, and so they are in the lists of a namespace and of all.
 */
export function runsOf(kvs: readonly KeyValue[]): Run[] {
  const runs: Run[] = [];
  let from = 0;
  let bytes = 0;
  for (let i = 0; i < kvs.length; i++) {
    const kv = kvs[i] as KeyValue;
    bytes += sizeOf(kv);
    // 2^32 divided by the golden ratio: neighbours go far apart.
    const mixed = Math.imul(kv.createRevision, 0x9e3779b1) >>> 16;
    if (mixed % runItems === 0 || bytes >= runBytes || i - from + 1 >= mostRunItems) {
      runs.push({ from, to: i + 1 });
      from = i + 1;
      bytes = 0;
    }
  }
  if (from < kvs.length) runs.push({ from, to: kvs.length });
  return runs;
}

/** A look at `value` makes a view, which costs more than all else here. */
export const sizeOf = (kv: KeyValue): number => (kv as { size?: number }).size ?? kv.value.length;
