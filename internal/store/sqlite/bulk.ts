import type { Encryption } from '../cipher.ts';
import { RowWriter } from '../row.ts';
import { LogFile, openDatabase } from './log-file.ts';
import { configure, createTables } from './schema.ts';

/** A commit for so many rows. */
const rowsAtOnce = 2000;

/** Writes a whole log, some thousand rows a commit. */
export class BulkWriter {
  readonly rows = new RowWriter();
  readonly #log: LogFile;
  #firstSeq = 1;

  constructor(log: LogFile) {
    this.#log = log;
  }

  /** Commits what has gathered when it is enough; both are the revisions of the seal. */
  mayCommit(revision: number, horizon: number): void {
    if (this.rows.count >= rowsAtOnce) this.commit(revision, horizon);
  }

  commit(revision: number, horizon: number): void {
    this.#log.commit({
      rows: this.rows.finish(),
      rowCount: this.rows.count,
      firstSeq: this.#firstSeq,
      deletes: new Float64Array(0),
      seal: { revision, ceiling: revision, horizon, clean: true },
    });
    this.#firstSeq += Math.max(1, this.rows.count);
    this.rows.reset();
  }
}

/** Makes a store's file at `target`, which must not be there, of what `fill` writes. */
export async function newFile(
  target: string,
  encryption: Encryption | undefined,
  fill: (to: BulkWriter) => void,
): Promise<void> {
  const db = await openDatabase(target);
  configure(db);
  createTables(db);
  const log = new LogFile(db, { census: { rows: 0, hash: 0 }, encryption });
  try {
    fill(new BulkWriter(log));
  } finally {
    log.close();
  }
}
