import { StoreError } from './errors.ts';
import { Rec } from './record.ts';
import type { Lease } from './leases.ts';

/**
 * A row of the log: crc32 (4 bytes, over what follows and the row's number, kept by the journal),
 * kind (1), body, and in the last row of a batch a seal (journal's). Numbers are varints. Bodies:
 *   put, delete: key length, key, modRevision, sub, modRevision - createRevision, version, lease (8
 *   bytes if flagged), value
 *   lease:       id (8 bytes), ttl seconds, grant time ms, kept
 *   seal only:   nothing
 */
export const rowKind = { put: 1, delete: 2, lease: 3, sealOnly: 4 } as const;
export const kindMask = 0x0f;
export const rowFlag = { lease: 0x10, seal: 0x20, encrypted: 0x40, soft: 0x80 } as const;
export const crcBytes = 4;
export const lengthBytes = 4;
/** Enough for every field of a row but key and value. */
const rowOverheadBytes = 96;
const firstBufferBytes = 4096;
const keptBufferBytes = 256 * 1024;

/** Builds the rows of a batch in one growing buffer. */
export class RowWriter {
  #bytes: Buffer = Buffer.allocUnsafeSlow(firstBufferBytes);
  #length = 0;
  count = 0;

  get bytes(): number {
    return this.#length;
  }

  record(rec: Rec): void {
    const { key, value } = rec;
    const start = this.#open(key.length + rec.size);
    const bytes = this.#bytes;
    const kind =
      (rec.version > 0 ? rowKind.put : rowKind.delete) |
      (rec.lease !== '0' ? rowFlag.lease : 0) |
      (rec.soft ? rowFlag.soft : 0);
    bytes[start + crcBytes] = kind;
    let at = varint(bytes, start + crcBytes + 1, key.length);
    at += bytes.write(key, at, 'latin1');
    at = varint(bytes, at, rec.modRevision);
    at = varint(bytes, at, rec.sub);
    if (rec.version > 0) {
      at = varint(bytes, at, rec.modRevision - rec.createRevision);
      at = varint(bytes, at, rec.version);
      if (rec.lease !== '0') at = bytes.writeBigInt64LE(BigInt(rec.lease), at);
      bytes.set(value, at);
      at += value.length;
    }
    this.#close(start, at);
  }

  lease(lease: Lease): void {
    const start = this.#open(0);
    const bytes = this.#bytes;
    bytes[start + crcBytes] = rowKind.lease;
    let at = bytes.writeBigInt64LE(BigInt(lease.id), start + crcBytes + 1);
    at = varint(bytes, at, lease.ttlSeconds);
    at = varint(bytes, at, Math.max(0, Math.round(lease.grantedAtMs)));
    bytes[at++] = lease.kept ? 1 : 0;
    this.#close(start, at);
  }

  /** The rows so far; nothing may be added until `reset`. */
  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Starts again, in the same memory if it is still there and not needlessly large. */
  reset(): this {
    if (this.#bytes.length === 0 || this.#bytes.length > keptBufferBytes)
      this.#bytes = Buffer.allocUnsafeSlow(firstBufferBytes);
    this.#length = 0;
    this.count = 0;
    return this;
  }

  #open(payload: number): number {
    const needed = this.#length + payload + rowOverheadBytes;
    if (needed > this.#bytes.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.#bytes.length * 2));
      this.#bytes.copy(larger, 0, 0, this.#length);
      this.#bytes = larger;
    }
    return this.#length + lengthBytes;
  }

  #close(start: number, end: number): void {
    this.#bytes.writeUInt32LE(end - start, start - lengthBytes);
    this.#length = end;
    this.count++;
  }
}

export type Row =
  | { kind: 'record'; rec: Rec }
  | { kind: 'lease'; id: string; ttlSeconds: number; grantedAtMs: number; kept: boolean }
  | { kind: 'seal' };

/** Reads a row whose checksum was verified and whose seal was cut off. */
export function readRow(row: Buffer): Row {
  const flags = row[crcBytes] as number;
  const kind = flags & kindMask;
  const cursor = { at: crcBytes + 1 };
  if (kind === rowKind.sealOnly) return { kind: 'seal' };
  if (kind === rowKind.lease) {
    const id = row.readBigInt64LE(cursor.at).toString();
    cursor.at += 8;
    const ttlSeconds = readVarint(row, cursor);
    const grantedAtMs = readVarint(row, cursor);
    return { kind: 'lease', id, ttlSeconds, grantedAtMs, kept: row[cursor.at] === 1 };
  }
  if (kind !== rowKind.put && kind !== rowKind.delete)
    throw new StoreError('CORRUPT', `a row of unknown kind ${kind}`, {
      hint: 'the file was written by a newer version',
    });
  const keyLength = readVarint(row, cursor);
  const key = row.toString('latin1', cursor.at, cursor.at + keyLength);
  cursor.at += keyLength;
  const modRevision = readVarint(row, cursor);
  const sub = readVarint(row, cursor);
  const soft = (flags & rowFlag.soft) !== 0;
  if (kind === rowKind.delete)
    return {
      kind: 'record',
      rec: new Rec({
        key,
        createRevision: 0,
        modRevision,
        version: 0,
        lease: '0',
        sub,
        soft,
        prev: undefined,
      }),
    };
  const createRevision = modRevision - readVarint(row, cursor);
  const version = readVarint(row, cursor);
  let lease = '0';
  if (flags & rowFlag.lease) {
    lease = row.readBigInt64LE(cursor.at).toString();
    cursor.at += 8;
  }
  return {
    kind: 'record',
    rec: new Rec({
      key,
      value: row.subarray(cursor.at),
      createRevision,
      modRevision,
      version,
      lease,
      sub,
      soft,
      prev: undefined,
    }),
  };
}

/** Where the value of a put row begins, and its key. */
export function valueOffset(row: Buffer): { offset: number; key: string } {
  const cursor = { at: crcBytes + 1 };
  const keyLength = readVarint(row, cursor);
  const key = row.toString('latin1', cursor.at, cursor.at + keyLength);
  cursor.at += keyLength;
  // modRevision, sub, modRevision - createRevision, version
  for (let i = 0; i < 4; i++) readVarint(row, cursor);
  return { offset: cursor.at + ((row[crcBytes] as number) & rowFlag.lease ? 8 : 0), key };
}

/** Writes a whole number below 2^53, seven bits a byte, least first. */
function varint(bytes: Uint8Array, at: number, value: number): number {
  while (value > 0x7fffffff) {
    bytes[at++] = (value % 128) | 0x80;
    value = Math.floor(value / 128);
  }
  while (value > 0x7f) {
    bytes[at++] = (value & 0x7f) | 0x80;
    value >>>= 7;
  }
  bytes[at++] = value;
  return at;
}

function readVarint(bytes: Uint8Array, cursor: { at: number }): number {
  let value = 0;
  let factor = 1;
  for (;;) {
    const byte = bytes[cursor.at++];
    if (byte === undefined) throw new StoreError('CORRUPT', 'a row ends in the middle of a number');
    value += (byte & 0x7f) * factor;
    if (byte < 0x80) return value;
    factor *= 128;
  }
}

/** Turns rows, before their checksum, into what is kept, and back: encryption at rest. */
export interface RowCipher {
  encrypt(row: Buffer): Buffer;
  decrypt(row: Buffer): Buffer;
}
