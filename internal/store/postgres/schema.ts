import { StoreError } from '../errors.ts';
import type { Cell, Connection, Statement } from './connection.ts';

/** Raised when the tables change; a newer one is refused. */
const formatVersion = 1;
export const channel = 'skiff';
/**
 * Advisory locks are numbers that all programs in a database share; these spell "skiff" and a
 * letter.
 */
const makeLock = 0x736b69666661;
export const pruneLock = 0x736b69666670;

const tables = [
  // A row's dead versions go as soon as the page is read again; room on the page keeps every update
  // on it.
  `CREATE TABLE IF NOT EXISTS skiff_head (
    id int PRIMARY KEY CHECK (id = 1), format int NOT NULL, seq bigint NOT NULL,
    revision bigint NOT NULL, compact bigint NOT NULL, pruned bigint NOT NULL, fence bigint NOT NULL, writers int NOT NULL
  ) WITH (fillfactor = 10)`,
  'CREATE TABLE IF NOT EXISTS skiff_log (seq bigint PRIMARY KEY, writer int NOT NULL, bytes ' +
    'bytea NOT NULL)',
  // As in etcd an empty store is at revision 1; -1 = nothing was ever compacted.
  `INSERT INTO skiff_head VALUES (1, ${formatVersion}, 0, 1, -1, 0, 0, 0) ON CONFLICT DO NOTHING`,
];

/**
 * What every connection is told: the settings that promises hang on must not come from the role or
 * the database.
 */
export const settings = [
  "SET default_transaction_isolation = 'read committed'",
  'SET default_transaction_read_only = off',
  'SET statement_timeout = 0',
  'SET lock_timeout = 0',
  "SET idle_in_transaction_session_timeout = '10s'",
  // Every statement here goes by a key. Planning them again each time, or by statistics of
  // yesterday, costs more than they do.
  'SET plan_cache_mode = force_generic_plan',
  'SET enable_seqscan = off',
  'SET enable_bitmapscan = off',
  'SET jit = off',
  "SELECT set_config('synchronous_commit', 'on', false) WHERE " +
    "current_setting('synchronous_commit') IN ('off', 'local')",
];

const head =
  'h.seq, h.revision, h.compact, h.pruned, h.fence, h.format, extract(epoch FROM ' +
  'clock_timestamp())::float8 * 1000';

export const statements = {
  /**
   * $1 head's seq, $2 fence, $3 new seq, $4 new revision, $5 writer, $6 all rows, $7 and $8 offset
   * and length of each, $9 notification. No row = conflict.
   */
  commit: {
    name: 'skiff_commit',
    text: `WITH moved AS (
      UPDATE skiff_head SET seq = $3::bigint, revision = $4::bigint
      WHERE seq = $1::bigint AND fence = $2::bigint RETURNING seq
    ), added AS (
      INSERT INTO skiff_log (seq, writer, bytes)
      SELECT $1::bigint + t.i, $5::int, substring($6::bytea FROM t.o FOR t.n)
      FROM moved, unnest($7::int[], $8::int[]) WITH ORDINALITY AS t(o, n, i)
    )
    SELECT extract(epoch FROM clock_timestamp())::float8 * 1000,
      pg_notify('${channel}', $9::text)::text FROM moved`,
  },
  /** The head, and the rows in ($1, $2] until they have more than $3 bytes. */
  pull: {
    name: 'skiff_pull',
    text: `SELECT ${head}, l.seq, l.writer, l.bytes FROM skiff_head h LEFT JOIN LATERAL (
      SELECT * FROM (
        SELECT seq, writer, bytes,
          sum(octet_length(bytes)) OVER (ORDER BY seq) - octet_length(bytes) AS before
        FROM skiff_log WHERE seq > $1::bigint AND seq <= $2::bigint
      ) p WHERE before < $3::bigint
    ) l ON true ORDER BY l.seq`,
  },
  /** Rows after $1, at most $2 and until they have more than $3 bytes. */
  load: {
    name: 'skiff_load',
    text: `SELECT seq, writer, bytes FROM (
      SELECT seq, writer, bytes,
        sum(octet_length(bytes)) OVER (ORDER BY seq) - octet_length(bytes) AS before
      FROM (SELECT * FROM skiff_log WHERE seq > $1::bigint ORDER BY seq LIMIT $2::int) s
    ) p WHERE before < $3::bigint ORDER BY seq`,
  },
  head: { text: `SELECT ${head} FROM skiff_head h` },
  one: { text: 'SELECT seq, writer, bytes FROM skiff_log WHERE seq = $1::bigint' },
  lock: { text: 'SELECT seq FROM skiff_head FOR UPDATE' },
  fence: { text: 'UPDATE skiff_head SET fence = fence + 1 RETURNING fence' },
  /** No row = it was compacted so far already, or is not there yet. */
  compact: {
    text:
      'UPDATE skiff_head SET compact = $1::bigint WHERE compact < $1::bigint AND revision >= ' +
      `$1::bigint RETURNING pg_notify('${channel}', 'compacted')::text`,
  },
  newWriter: { text: 'UPDATE skiff_head SET writers = writers + 1 RETURNING writers' },
  raisePruned: { text: 'UPDATE skiff_head SET pruned = greatest(pruned, $1::bigint)' },
  prune: { text: 'DELETE FROM skiff_log WHERE seq = ANY($1::bigint[])' },
  size: {
    text: `SELECT pg_total_relation_size('skiff_log') + pg_total_relation_size('skiff_head'),
      (SELECT (n_live_tup + 1)::float8 / (n_live_tup + n_dead_tup + 1)
        FROM pg_stat_user_tables WHERE relid = 'skiff_log'::regclass)`,
  },
} satisfies Record<string, Statement>;

/**
 * Makes the tables if they are not there; several servers may start at once. Throws when a newer
 * version made them.
 */
export async function ensureTables(connection: Connection, timeoutMs: number): Promise<void> {
  const run = <T extends Cell[]>(text: string): Promise<T[]> =>
    connection.query<T>({ text }, [], timeoutMs);
  // Look first: a user of the tables need not have the right to create them.
  if (
    (await run<[string]>("SELECT (to_regclass('skiff_head') IS NOT NULL)::text"))[0]?.[0] !== 'true'
  ) {
    await run('BEGIN');
    await run(`SELECT pg_advisory_xact_lock(${makeLock})`);
    for (const table of tables) await run(table);
    await run('COMMIT');
  }
  const [row] = await connection.query<[number]>(
    { text: 'SELECT format FROM skiff_head' },
    [],
    timeoutMs,
  );
  checkFormat(row?.[0]);
}

export function checkFormat(format: number | undefined): void {
  if (format === undefined)
    throw new StoreError('CORRUPT', 'the table skiff_head in PostgreSQL is empty', {
      op: 'open',
      hint: 'restore a backup of the database',
    });
  if (format > formatVersion)
    throw new StoreError(
      'INVALID_ARGUMENT',
      `the tables in PostgreSQL were written by a newer version (format ${format})`,
      { op: 'open', hint: 'start the newer version, or restore an older backup' },
    );
}
