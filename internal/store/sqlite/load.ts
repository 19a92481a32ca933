import type Database from 'better-sqlite3';
import type { Clock } from '../../io/clock.ts';
import { StoreError } from '../errors.ts';
import { Recovery, type Recovered } from '../recovery.ts';
import { crcBytes, readRow, rowFlag } from '../row.ts';
import { checksum, hashOfSeq, readSeal, sealBytes, type SealedLog } from './schema.ts';

export interface Loaded {
  recovered: Recovered;
  rows: number;
  hash: number;
}

/** Reads the whole log, checks every row and the last seal, and puts the state together. Throws StoreError CORRUPT. */
export function loadLog(db: Database.Database, clock: Clock): Loaded {
  const recovery = new Recovery();
  let rows = 0;
  let hash = 0;
  let seal: SealedLog | undefined;
  const all = db.prepare('SELECT seq, row FROM log ORDER BY seq').raw().iterate() as IterableIterator<[number, Buffer]>;
  for (const [seq, row] of all) {
    if (row.length <= crcBytes || row.readUInt32LE(0) !== checksum(row, seq)) throw corrupt(`row ${seq} of the log is damaged`);
    rows++;
    hash = (hash ^ hashOfSeq(seq)) >>> 0;
    const sealed = ((row[crcBytes] as number) & rowFlag.seal) !== 0;
    seal = sealed ? readSeal(row) : undefined;
    recovery.add(seq, readRow(sealed ? row.subarray(0, row.length - sealBytes) : row));
  }
  if (rows > 0 && seal === undefined) throw corrupt('the log does not end with a seal');
  if (seal !== undefined && (seal.rows !== rows || seal.hash !== hash)) throw corrupt(`the log has ${rows} rows where its seal knows ${seal.rows}`);
  return { recovered: recovery.finish(seal, clock), rows, hash };
}

function corrupt(message: string): StoreError {
  return new StoreError('CORRUPT', message, { op: 'open', hint: 'restore a snapshot, or copy the file away and ask for help: nothing was changed' });
}
