import type { Clock } from '../../io/clock.ts';
import { readEtcdFile } from '../bolt/etcd-file.ts';
import type { Encryption } from '../cipher.ts';
import { StoreError } from '../errors.ts';
import { Rec } from '../record.ts';
import { keyOf } from '../store.ts';
import { newFile } from './bulk.ts';
import { isEtcdFile, reading } from './from-etcd.ts';
import { openDatabase } from './log-file.ts';
import { explained } from './open.ts';

/** What a key holds in another program's datastore. */
export interface ForeignValue {
  key: string;
  value: Buffer;
  createRevision: number;
  modRevision: number;
  /** It ends by itself. */
  leased: boolean;
}

export interface ForeignValues {
  kind: 'kine' | 'etcd';
  revision: number;
  values: ForeignValue[];
}

/**
 * Reads the present of a datastore that is not ours: the file of an etcd or its snapshot, or SQLite
 * as kine keeps it. Changes nothing.
 */
export async function readForeign(path: string): Promise<ForeignValues> {
  return isEtcdFile(path) ? ofEtcd(path) : await ofKine(path);
}

function ofEtcd(path: string): ForeignValues {
  return reading(path, (readAt) => {
    const newest = new Map<string, Rec>();
    let revision = 1;
    for (const rec of readEtcdFile(readAt).recs) {
      revision = Math.max(revision, rec.modRevision);
      newest.get(rec.key)?.release();
      newest.set(rec.key, rec);
    }
    const live = [...newest.values()].filter((rec) => rec.version > 0);
    return {
      kind: 'etcd',
      revision,
      values: live.map(({ key, value, createRevision, modRevision, lease }) => ({
        key,
        value: Buffer.from(value),
        createRevision,
        modRevision,
        leased: lease !== '0',
      })),
    };
  });
}

interface KineRow {
  id: number;
  name: string;
  created: number;
  create_revision: number;
  lease: number;
  value: Buffer | null;
}

async function ofKine(path: string): Promise<ForeignValues> {
  const db = await openDatabase(path);
  try {
    const columns = (db.pragma('table_info(kine)') as { name: string }[]).map(
      (column) => column.name,
    );
    if (
      !['id', 'name', 'created', 'deleted', 'create_revision', 'lease', 'value'].every((name) =>
        columns.includes(name),
      )
    ) {
      throw new StoreError('INVALID_ARGUMENT', `${path} is neither an etcd's file nor kine's`, {
        op: 'migrate',
        hint: 'is it the datastore of k3s?',
      });
    }
    const rows = db
      .prepare(
        'SELECT id, name, created, create_revision, lease, value FROM kine JOIN (SELECT ' +
          'MAX(id) AS id FROM kine GROUP BY name) USING (id) WHERE deleted = 0 ORDER BY id',
      )
      .all() as KineRow[];
    const revision = (db.prepare('SELECT MAX(id) FROM kine').pluck().get() as number | null) ?? 1;
    const values = rows.map(({ id, name, created, create_revision: before, lease, value }) => ({
      key: keyOf(name),
      value: value ?? Buffer.alloc(0),
      // kine notes no creation with the row that creates.
      createRevision: created === 1 || before === 0 ? id : before,
      modRevision: id,
      leased: lease !== 0,
    }));
    return { kind: 'kine', revision, values };
  } catch (error) {
    throw error instanceof StoreError ? error : explained(error, path);
  } finally {
    db.close();
  }
}

/**
 * Makes a store's file at `target`, which must not be there: values with the revisions that clients
 * know them by, and no history.
 */
export async function writeForeign(options: {
  target: string;
  revision: number;
  values: Iterable<ForeignValue>;
  clock: Clock;
  encryption?: Encryption;
}): Promise<void> {
  const { target, revision, values, encryption } = options;
  await newFile(target, encryption, (to) => {
    for (const { key, value, createRevision, modRevision } of values) {
      to.rows.record(
        new Rec({
          key,
          value,
          createRevision,
          modRevision,
          version: 1,
          lease: '0',
          sub: 0,
          soft: false,
          prev: undefined,
        }),
      );
      to.mayCommit(revision, revision);
    }
    to.commit(revision, revision);
  });
}
