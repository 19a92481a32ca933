import type { Encryption } from '../cipher.ts';
import { ValueCipher } from '../cipher.ts';
import type { Batch, Journal } from '../journal.ts';
import { type Census, censusAfter, sealedRows } from '../seal.ts';

/**
 * A journal in memory that can be made slow or failing, and from which a power cut can be taken.
 */
export class MemoryJournal implements Journal {
  readonly rows: Map<number, Buffer>;
  #census: Census;
  #cipher: ValueCipher | undefined;
  /** Commits wait for this before they happen. */
  gate: Promise<void> = Promise.resolve();
  /** The next commits fail with these, one each. */
  failures: Error[] = [];
  commits = 0;

  constructor(
    rows: Map<number, Buffer> = new Map(),
    census: Census = { rows: 0, hash: 0 },
    encryption?: Encryption,
  ) {
    this.rows = rows;
    this.#census = census;
    this.#cipher = encryption && new ValueCipher(encryption);
  }

  async commit(batch: Batch): Promise<void> {
    await this.gate;
    const failure = this.failures.shift();
    if (failure) throw failure;
    this.commits++;
    const deleted: number[] = [];
    for (const seq of batch.deletes) if (this.rows.delete(seq)) deleted.push(seq);
    this.#census = censusAfter(this.#census, batch, deleted);
    for (const [seq, row] of sealedRows(batch, this.#census, this.#cipher))
      this.rows.set(seq, Buffer.from(row));
  }

  /** The rows as they lie on the disk, in order. */
  log(): [number, Buffer][] {
    return [...this.rows].sort((a, b) => a[0] - b[0]).map(([seq, row]) => [seq, Buffer.from(row)]);
  }

  async encrypt(encryption: Encryption | undefined): Promise<void> {
    this.#cipher = encryption && new ValueCipher(encryption);
  }

  hold(): void {}

  async size(): Promise<{ bytes: number; inUseBytes: number }> {
    let bytes = 0;
    for (const row of this.rows.values()) bytes += row.length;
    return { bytes, inUseBytes: bytes };
  }

  async defragment(): Promise<void> {}
  async snapshot(): Promise<void> {}
  async close(): Promise<void> {}
}
