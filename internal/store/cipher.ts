import { createCipheriv, createDecipheriv } from 'node:crypto';
import { StoreError } from './errors.ts';
import { crcBytes, kindMask, rowFlag, rowKind, valueOffset } from './row.ts';
import type { RowCipher } from './row.ts';
import { realRandom } from '../io/random.ts';

/** Keys of 256 bits; the first one encrypts, all of them decrypt. */
export interface EncryptionKey {
  /** A number of 32 bits that rows carry. */
  id: number;
  key: Uint8Array;
}

export interface Encryption {
  /** Only values of keys with one of these prefixes are encrypted. */
  prefixes: string[];
  keys: EncryptionKey[];
  /** Encrypt nothing any more; the keys are for what was encrypted before. */
  plain?: boolean;
  /** Grows with each change of keys, where several servers hear of one at different times. */
  generation?: number;
}

const ivBytes = 12;
const tagBytes = 16;
const headBytes = 4 + ivBytes + tagBytes;
const algorithm = 'aes-256-gcm';

/**
 * AES-256-GCM on the value of a row. Key and revisions stay readable: they are what compaction and
 * recovery go by, and they are authenticated with the value, so a value cannot be moved to another
 * key. The IV is random: a key may encrypt 2^32 values, which at a hundred secrets a second takes
 * more than a year; rotate before.
 */
export class ValueCipher implements RowCipher {
  readonly #prefixes: string[];
  readonly #keys: EncryptionKey[];
  readonly #primary: EncryptionKey | undefined;

  constructor({ prefixes, keys, plain }: Encryption) {
    this.#prefixes = prefixes;
    this.#keys = keys;
    this.#primary = plain ? undefined : keys[0];
  }

  /** True for keys whose values are encrypted. */
  covers(key: string): boolean {
    return this.#prefixes.some((prefix) => key.startsWith(prefix));
  }

  encrypt(row: Buffer): Buffer {
    const primary = this.#primary;
    const flags = row[crcBytes] as number;
    if (primary === undefined || (flags & kindMask) !== rowKind.put) return row;
    const { offset, key } = valueOffset(row);
    if (!this.covers(key)) return row;
    const out = Buffer.alloc(row.length + headBytes);
    row.copy(out, 0, 0, offset);
    out[crcBytes] = flags | rowFlag.encrypted;
    const iv = realRandom.bytes(ivBytes);
    const cipher = createCipheriv(algorithm, primary.key, iv);
    cipher.setAAD(out.subarray(crcBytes, offset));
    out.writeUInt32LE(primary.id, offset);
    out.set(iv, offset + 4);
    cipher.update(row.subarray(offset)).copy(out, offset + headBytes);
    cipher.final();
    cipher.getAuthTag().copy(out, offset + 4 + ivBytes);
    return out;
  }

  decrypt(row: Buffer): Buffer {
    const { offset } = valueOffset(row);
    const id = row.readUInt32LE(offset);
    const known = this.#keys.find((k) => k.id === id);
    if (!known)
      throw new StoreError(
        'CORRUPT',
        `a row is encrypted with the unknown key ${id.toString(16)}`,
        { op: 'open', hint: 'put the encryption keys of this data directory back' },
      );
    const aad = Buffer.from(row.subarray(crcBytes, offset));
    // The seal may have been added after the encryption.
    aad[0] = (aad[0] as number) & ~rowFlag.seal;
    const decipher = createDecipheriv(
      algorithm,
      known.key,
      row.subarray(offset + 4, offset + 4 + ivBytes),
    );
    decipher.setAAD(aad);
    decipher.setAuthTag(row.subarray(offset + 4 + ivBytes, offset + headBytes));
    try {
      return Buffer.concat([
        row.subarray(0, offset),
        decipher.update(row.subarray(offset + headBytes)),
        decipher.final(),
      ]);
    } catch (cause) {
      throw new StoreError('CORRUPT', 'an encrypted value does not match its key', {
        op: 'open',
        cause,
        hint: 'restore a snapshot, or the encryption keys that belong to it',
      });
    }
  }
}
