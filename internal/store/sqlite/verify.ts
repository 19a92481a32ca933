import type Database from 'better-sqlite3';
import { startWorker } from '../../io/worker.ts';
import { crcBytes, kindMask, rowFlag, rowKind, valueOffset } from '../row.ts';
import { type Census, hashOfSeq, type LogSeal, openRow } from '../seal.ts';
import type { RowCipher } from '../row.ts';
import { StoreError } from '../errors.ts';
import { openDatabase } from './log-file.ts';
import { explained } from './open.ts';

export interface Verified {
  revision: number;
  rows: number;
  bytes: number;
  /**
   * Values of the prefixes that were asked about, by the key that they are encrypted with; `plain`
   * are those under none.
   */
  plain: number;
  keys: [id: number, values: number][];
}

export interface VerifyRequest {
  path: string;
  /** Whose values are counted by their keys. */
  prefixes: string[];
}

/** What the thread says. */
export type VerifyAnswer =
  | { ok: true; verified: Verified }
  | { ok: false; code: string; message: string; hint: string | undefined };

/**
 * Checks a file of the store to the last byte in a thread of its own, without putting its state
 * together: neither the time nor the memory of the server that runs meanwhile is taken. Needs no
 * keys. Throws StoreError CORRUPT.
 */
export async function verifyFile(request: VerifyRequest): Promise<Verified> {
  const worker = startWorker('store/sqlite/verifier.ts', request, { name: 'verify' });
  const answer = await new Promise<VerifyAnswer>((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', () =>
      reject(new StoreError('UNAVAILABLE', 'the check ended without an answer', { op: 'verify' })),
    );
  });
  if (!answer.ok)
    throw new StoreError(answer.code === 'CORRUPT' ? 'CORRUPT' : 'UNAVAILABLE', answer.message, {
      op: 'verify',
      hint: answer.hint,
    });
  return answer.verified;
}

/** The same, at once. */
export async function verifyNow({ path, prefixes }: VerifyRequest): Promise<Verified> {
  const db = await openDatabase(path, { readonly: true });
  try {
    const faults = db.pragma('integrity_check(5)', { simple: false }) as {
      integrity_check: string;
    }[];
    if (faults[0]?.integrity_check !== 'ok')
      throw new StoreError('CORRUPT', faults.map((f) => f.integrity_check).join('; '), {
        op: 'verify',
      });
    return verifyRows(db, prefixes);
  } catch (error) {
    throw explained(error, path);
  } finally {
    db.close();
  }
}

/** Rows are read as they are: their checksums cover what is encrypted. */
const closed: RowCipher = { encrypt: (row) => row, decrypt: (row) => row };

function verifyRows(db: Database.Database, prefixes: string[]): Verified {
  const census: Census = { rows: 0, hash: 0 };
  const keys = new Map<number, number>();
  let plain = 0;
  let seal: LogSeal | undefined;
  for (const [seq, row] of db
    .prepare('SELECT seq, row FROM log ORDER BY seq')
    .raw()
    .iterate() as IterableIterator<[number, Buffer]>) {
    seal = openRow(seq, row, closed).seal;
    census.rows++;
    census.hash = (census.hash ^ hashOfSeq(seq)) >>> 0;
    const flags = row[crcBytes] as number;
    if ((flags & kindMask) !== rowKind.put) continue;
    const { offset, key } = valueOffset(row);
    if ((flags & rowFlag.encrypted) !== 0)
      keys.set(row.readUInt32LE(offset), (keys.get(row.readUInt32LE(offset)) ?? 0) + 1);
    else if (prefixes.some((prefix) => key.startsWith(prefix))) plain++;
  }
  if (census.rows > 0 && seal === undefined)
    throw new StoreError('CORRUPT', 'the log does not end with a seal', { op: 'verify' });
  if (seal !== undefined && (seal.rows !== census.rows || seal.hash !== census.hash)) {
    throw new StoreError(
      'CORRUPT',
      `the log has ${census.rows} rows where its seal knows ${seal.rows}`,
      { op: 'verify' },
    );
  }
  const bytes =
    (db.pragma('page_count', { simple: true }) as number) *
    (db.pragma('page_size', { simple: true }) as number);
  return { revision: seal?.revision ?? 0, rows: census.rows, bytes, plain, keys: [...keys] };
}
