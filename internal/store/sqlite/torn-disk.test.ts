import { mkdtempSync, readFileSync, rmSync, writeFileSync, existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { FakeClock } from '../../io/clock-fake.ts';
import { seededRandom, type Random } from '../../io/random.ts';
import { testSeed } from '../../io/test-seed.ts';
import { Rec } from '../record.ts';
import { RowWriter } from '../row.ts';
import { LogFile, openDatabase } from './log-file.ts';
import { readLog } from './open.ts';
import { configure, createTables } from './schema.ts';

/** SKIFF_SIMULATIONS=1000 for the long run, SKIFF_SEED to start from another seed, or random. */
const lives = Math.ceil(Number(process.env['SKIFF_SIMULATIONS'] ?? 100) / 10);
const firstSeed = testSeed();
const cutsPerLife = 10;
const sectorBytes = 512;
/** Small, so that checkpoints are met often. */
const checkpointPages = 12;

interface Image {
  db: Buffer;
  wal: Buffer;
}

/**
 * Disks that lie in every way that a power cut allows: what was written after the last fsync may be there, not be there,
 * be half there, or be garbage, sector by sector and in any order. Images of SQLite's two files are taken after each commit
 * and mixed with the ones before.
 */
class Disk {
  readonly #dir: string;
  readonly #random: Random;

  constructor(dir: string, random: Random) {
    this.#dir = dir;
    this.#random = random;
  }

  take(): Image {
    const read = (name: string): Buffer => (existsSync(join(this.#dir, name)) ? readFileSync(join(this.#dir, name)) : Buffer.alloc(0));
    return { db: read('store.db'), wal: read('store.db-wal') };
  }

  /** A disk as it may be found when the power went between two commits. */
  cut(before: Image, after: Image): { image: Image; committed: boolean } {
    if (!before.db.equals(after.db) && this.#random.int(2) === 0) {
      // A checkpoint: the write-ahead log was synced before the first page was written.
      return { image: { db: this.#mix(before.db, after.db, false), wal: after.wal }, committed: true };
    }
    return { image: { db: before.db, wal: this.#mix(before.wal, after.wal, true) }, committed: false };
  }

  async open(image: Image): Promise<number[]> {
    const dir = mkdtempSync(join(tmpdir(), 'skiff-cut-'));
    try {
      writeFileSync(join(dir, 'store.db'), image.db);
      if (image.wal.length > 0) writeFileSync(join(dir, 'store.db-wal'), image.wal);
      const db = await openDatabase(join(dir, 'store.db'));
      try {
        configure(db);
        const { recovered } = readLog(db, new FakeClock(), undefined);
        const revisions: number[] = [];
        recovered.state.index.scan('\0', '\0', (head) => revisions.push(head.modRevision) > 0);
        return revisions;
      } finally {
        db.close();
      }
    } finally {
      rmSync(dir, { recursive: true });
    }
  }

  #mix(before: Buffer, after: Buffer, mayTear: boolean): Buffer {
    const length = this.#random.int(4) === 0 ? before.length : Math.max(before.length, after.length);
    const out = Buffer.alloc(length);
    const style = this.#random.int(3);
    const cutAt = this.#random.int(Math.ceil(length / sectorBytes) + 1);
    for (let at = 0, n = 0; at < length; at += sectorBytes, n++) {
      const old = before.subarray(at, at + sectorBytes);
      const fresh = after.subarray(at, at + sectorBytes);
      const source = style === 0 ? (n < cutAt ? fresh : old) : this.#random.int(2) === 0 ? fresh : old;
      source.copy(out, at);
      if (mayTear && style === 2 && !old.equals(fresh) && this.#random.int(4) === 0) this.#spoil(out, at, old, fresh);
    }
    return out;
  }

  /**
   * Damages bytes that were being written. Those beside them in the same sector stay: SQLite relies on that ("powersafe
   * overwrite"), as drives of the last fifteen years promise.
   */
  #spoil(out: Buffer, at: number, old: Buffer, fresh: Buffer): void {
    const touched: number[] = [];
    for (let i = 0; i < fresh.length; i++) if (old[i] !== fresh[i] && at + i < out.length) touched.push(at + i);
    if (touched.length === 0) return;
    const from = this.#random.int(touched.length);
    if (this.#random.int(2) === 0) out[touched[from] as number] = (out[touched[from] as number] as number) ^ (1 << this.#random.int(8));
    else for (const place of touched.slice(from)) out[place] = this.#random.int(256);
  }
}

async function live(seed: number): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'skiff-torn-'));
  try {
    const random = seededRandom(seed);
    const disk = new Disk(dir, random);
    const db = await openDatabase(join(dir, 'store.db'));
    configure(db);
    createTables(db);
    const log = new LogFile(db, { census: { rows: 0, hash: 0 } });
    db.pragma(`wal_autocheckpoint = ${checkpointPages}`);
    let seq = 1;
    let revision = 1;
    const commit = (): void => {
      const rows = new RowWriter();
      const count = 1 + random.int(6);
      for (let i = 0; i < count; i++) {
        revision++;
        rows.record(new Rec({ key: `k${revision}`, value: random.bytes(random.int(1500)), createRevision: revision, modRevision: revision, version: 1, lease: '0', sub: 0, soft: false, prev: undefined }));
      }
      log.commit({ rows: rows.finish(), rowCount: count, firstSeq: seq, deletes: new Float64Array(0), seal: { revision, ceiling: revision, horizon: -1, clean: false } });
      seq += count;
    };
    const revisions = (to: number): number[] => Array.from({ length: to - 1 }, (_, i) => i + 2).sort((a, b) => (`k${a}` < `k${b}` ? -1 : 1));
    for (let cut = 0; cut < cutsPerLife; cut++) {
      for (let i = random.int(8); i >= 0; i--) commit();
      const [before, acknowledged] = [disk.take(), revision];
      commit();
      const { image, committed } = disk.cut(before, disk.take());
      const found = await disk.open(image);
      // Whole batches only, and never less than was acknowledged.
      expect([...(committed ? [] : [acknowledged]), revision].map((to) => revisions(to).join()), `cut ${cut}`).toContain(found.join());
    }
    log.close();
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

describe('torn disks', () => {
  test(`${lives * cutsPerLife} power cuts: what was acknowledged is there, and the store opens`, async () => {
    console.log(`torn disks from seed ${firstSeed}`);
    for (let seed = firstSeed; seed < firstSeed + lives; seed++) {
      try {
        await live(seed);
      } catch (error) {
        throw new Error(`seed ${seed}: ${String(error)}`, { cause: error });
      }
    }
  }, 600_000);
});
