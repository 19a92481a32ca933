import type { Clock } from '../../io/clock.ts';
import type { Disk } from '../../io/disk.ts';
import type { Log } from '../../io/log.ts';
import { realRandom, type Random } from '../../io/random.ts';
import { Connection, whereOf, type Target } from './connection.ts';
import { parsePostgresEndpoint, withTls, type TlsTexts } from './endpoint.ts';
import { mayPass, unreachable } from './errors.ts';
import { Loading } from './memory.ts';
import { PostgresStore } from './postgres-store.ts';
import { ensureTables } from './schema.ts';
import { trimProcessQuietly, usualHistoryMs } from '../give-back.ts';
import { DatabaseTime, Session } from './session.ts';

/** History beyond this is cut before its time. */
const defaultHistoryBytes = 96 * 1024 * 1024;
/** A database may start beside us: so long it is waited for. */
const startPatienceMs = 15_000;
const startPauseMs = 500;
const answerMs = 30_000;
const noSuchDatabase = '3D000';

export interface PostgresStoreOptions {
  /** `postgres://user:password@host:port/database?sslmode=...`. */
  endpoint: string;
  /** PEM texts; files that the endpoint names are read instead. */
  tls?: TlsTexts;
  clock: Clock;
  disk: Pick<Disk, 'read'>;
  log: Log;
  random?: Random;
  /** How much history is kept; 0 = all, until somebody compacts. */
  historyMs?: number | undefined;
  maxHistoryBytes?: number;
  /** How long rows stay that nobody needs. */
  pruneGraceMs?: number;
  /** How long a server that does not answer is waited for. */
  patienceMs?: number;
  /** Gives back what this process does not need any more, after a flood. */
  collect?: () => void;
}

/**
 * Opens the Store on a PostgreSQL: `--datastore-endpoint`. Database and tables are made when they
 * are missing. Throws with a hint.
 */
export async function openPostgresStore(options: PostgresStoreOptions): Promise<PostgresStore> {
  const { clock } = options;
  const log = options.log.named('postgres');
  const target = await targetOf(options);
  const time = new DatabaseTime(clock);
  const session = await firstSession(target, time, log, options.patienceMs ?? startPatienceMs);
  try {
    const writer = await session.newWriter();
    const loading = new Loading();
    const head = await session.load((row) => loading.add(row));
    const loaded = loading.finish(head, clock, time);
    const historyMs = options.historyMs ?? usualHistoryMs;
    const maxHistoryBytes =
      historyMs > 0 ? (options.maxHistoryBytes ?? defaultHistoryBytes) : Infinity;
    log.info('the datastore is open', {
      server: whereOf(target.endpoint),
      revision: loaded.state.published,
    });
    return new PostgresStore({
      target,
      session,
      loaded,
      writer,
      time,
      clock,
      log,
      random: options.random ?? realRandom,
      historyMs,
      maxHistoryBytes,
      graceMs: options.pruneGraceMs,
      collect: options.collect ?? trimProcessQuietly(log),
    });
  } catch (error) {
    session.close();
    throw unreachable(error, whereOf(target.endpoint));
  }
}

async function targetOf({
  endpoint: text,
  tls: given = {},
  clock,
  disk,
}: PostgresStoreOptions): Promise<Target> {
  const parsed = parsePostgresEndpoint(text);
  const tls = { ...given };
  for (const [name, path] of Object.entries(parsed.files) as [keyof TlsTexts, string][])
    tls[name] = (await disk.read('datastore.tls', path)).toString();
  return { endpoint: withTls(text, parsed, tls), tls, clock };
}

async function firstSession(
  target: Target,
  time: DatabaseTime,
  log: Log,
  patienceMs: number,
): Promise<Session> {
  const endMs = target.clock.monotonicMs() + patienceMs;
  for (let said = false; ; said = true) {
    try {
      const connection = await openOrCreate(target);
      try {
        await ensureTables(connection, answerMs);
      } finally {
        connection.close();
      }
      return await Session.open(target, time);
    } catch (error) {
      const why = unreachable(error, whereOf(target.endpoint));
      if (error === why || !mayPass(error) || target.clock.monotonicMs() >= endMs) throw why;
      if (!said) log.info(`waiting for the datastore: ${why.message}`);
      await target.clock.sleep('postgres.start', startPauseMs);
    }
  }
}

/** Connects, and makes the database when there is none of that name. */
async function openOrCreate(target: Target): Promise<Connection> {
  try {
    return await Connection.open(target);
  } catch (error) {
    if ((error as { code?: string }).code !== noSuchDatabase) throw error;
    const { database } = target.endpoint;
    let beside: Connection;
    try {
      beside = await Connection.open(target, 'postgres');
      await beside
        .query({ text: `CREATE DATABASE "${database.replaceAll('"', '""')}"` }, [], answerMs)
        .catch((failure: unknown) => {
          // Another server was faster.
          if (!['42P04', '23505'].includes((failure as { code?: string }).code ?? ''))
            throw failure;
        })
        .finally(() => beside.close());
    } catch {
      throw error;
    }
    return await Connection.open(target);
  }
}
