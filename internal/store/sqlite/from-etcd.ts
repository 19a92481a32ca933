import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import type { Clock } from '../../io/clock.ts';
import { readEtcdFile } from '../bolt/etcd-file.ts';
import { isBolt, type ReadAt } from '../bolt/reader.ts';
import type { Encryption } from '../cipher.ts';
import { keyIdOf } from '../encrypted-store.ts';
import { StoreError } from '../errors.ts';
import { newFile, type BulkWriter } from './bulk.ts';

/** True when `path` is a file of etcd's: its own, or a snapshot of one, from etcd or from us. */
export function isEtcdFile(path: string): boolean {
  return reading(path, isBolt);
}

/**
 * Makes a store's file at `target`, which must not be there, of an etcd's file: keys, their history
 * and their leases.
 */
export async function convertEtcdFile(options: {
  source: string;
  target: string;
  clock: Clock;
  encryption?: Encryption;
}): Promise<void> {
  const { source, target, clock, encryption } = options;
  await newFile(target, encryption, (to) => reading(source, (readAt) => fill(to, readAt, clock)));
}

/** Reads all of an etcd's file and counts. */
export function censusOfEtcdFile(path: string): {
  revision: number;
  compactRevision: number;
  keys: number;
  rows: number;
} {
  return reading(path, (readAt) => {
    const { recs, leases, compactRevision } = readEtcdFile(readAt);
    const live = new Set<string>();
    let rows = leases.length;
    let revision = Math.max(1, compactRevision);
    for (const { key, version, modRevision } of recs) {
      rows++;
      revision = Math.max(revision, modRevision);
      if (version > 0) live.add(key);
      else live.delete(key);
    }
    return { revision, compactRevision: Math.max(0, compactRevision), keys: live.size, rows };
  });
}

function fill(to: BulkWriter, readAt: ReadAt, clock: Clock): void {
  const { recs, leases, compactRevision } = readEtcdFile(readAt);
  let revision = Math.max(1, compactRevision);
  for (const { id, ttlSeconds, remainingSeconds } of leases) {
    // It was granted so long ago that this much is left; one without a grant time starts again with
    // all of its time.
    const grantedAtMs = clock.now() - (ttlSeconds - remainingSeconds) * 1000;
    to.rows.lease({
      id,
      ttlSeconds,
      grantedAtMs,
      expiresAtMs: 0,
      kept: false,
      keys: new Set(),
      seq: 0,
    });
  }
  for (const rec of recs) {
    revision = Math.max(revision, rec.modRevision);
    if (keyIdOf(rec.value) !== undefined)
      throw new StoreError(
        'INVALID_ARGUMENT',
        'the snapshot holds values that a server encrypted before they came to its etcd',
        {
          op: 'restore',
          hint:
            'put it into an etcd: skiff server --cluster-init --cluster-reset ' +
            '--cluster-reset-restore-path',
        },
      );
    to.rows.record(rec);
    to.mayCommit(revision, compactRevision);
  }
  to.commit(revision, compactRevision);
}

export function reading<T>(path: string, use: (readAt: ReadAt) => T): T {
  const file = openSync(path, 'r');
  try {
    const { size } = fstatSync(file);
    return use((at, length) => {
      // A damaged file may ask for any amount.
      const bytes = Buffer.alloc(Math.max(0, Math.min(length, size - at)));
      return bytes.subarray(0, readSync(file, bytes, 0, bytes.length, at));
    });
  } finally {
    closeSync(file);
  }
}
