import pg from 'pg';
import type { Clock } from '../../io/clock.ts';
import { ConnectionLost, isAnswer, isDefinite, refusesEncryption } from './errors.ts';
import type { PostgresEndpoint, TlsTexts } from './endpoint.ts';

/** The kernel asks a silent peer after this time whether it is there. */
const keepAliveMs = 15_000;
const byteaType = 17;
const wholeNumberTypes = [20, 21, 23];

/**
 * Whole numbers as numbers (ours stay below 2^53), bytes as Buffers; everything else stays text.
 */
const types = {
  getTypeParser: (oid: number) => {
    if (oid === byteaType) return (text: string) => Buffer.from(text.slice(2), 'hex');
    return wholeNumberTypes.includes(oid) || oid === 701 ? Number : String;
  },
};

export interface Target {
  endpoint: PostgresEndpoint;
  tls: TlsTexts;
  clock: Clock;
}

export type Cell = number | string | Buffer | null;

export interface Statement {
  /** Prepared under this name, once for each connection. */
  name?: string;
  text: string;
}

type Ssl = NonNullable<pg.ClientConfig['ssl']>;

/**
 * One connection to PostgreSQL: one statement at a time, each with a limit on how long it may take.
 */
export class Connection {
  readonly #client: pg.Client;
  readonly #clock: Clock;
  #lost: ConnectionLost | undefined;
  /** Resolves when the statement under way has its answer. */
  #busy: Promise<void> | undefined;
  onNotification: (payload: string) => void = () => undefined;
  /** Told once when the connection is of no more use; not after close(). */
  onLost: (error: ConnectionLost) => void = () => undefined;

  private constructor(client: pg.Client, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
    client.on('notification', ({ payload }) => this.onNotification(payload ?? ''));
    client.on('error', (error) => this.#end(error));
    client.on('end', () => this.#end(new Error('the server closed the connection')));
  }

  /**
   * Connects to the first host that takes writes. Throws what the last one said that said anything.
   */
  static async open(target: Target, database = target.endpoint.database): Promise<Connection> {
    let last: unknown;
    for (const host of target.endpoint.hosts) {
      for (const ssl of host.host.startsWith('/') ? [false as const] : sslChoices(target)) {
        try {
          return await openOne(target, database, host, ssl);
        } catch (error) {
          if (last === undefined || isAnswer(error) || !isAnswer(last)) last = error;
          if (!refusesEncryption(error)) break;
        }
      }
    }
    throw last;
  }

  static async over(client: pg.Client, clock: Clock): Promise<Connection> {
    // First its ears: a server may say goodbye in one breath with its welcome.
    const connection = new Connection(client, clock);
    await client.connect();
    return connection;
  }

  /**
   * Runs one statement and returns its rows. Throws ConnectionLost when there is no definite
   * answer, else what the server said.
   */
  async query<T extends Cell[]>(
    statement: Statement,
    values: unknown[],
    timeoutMs: number,
  ): Promise<T[]> {
    while (this.#busy !== undefined) await this.#busy;
    if (this.#lost !== undefined) throw this.#lost;
    let free = (): void => undefined;
    this.#busy = new Promise((resolve) => (free = resolve));
    const timer = this.#clock.after('postgres.query', timeoutMs, () =>
      this.#end(new Error(`no answer within ${timeoutMs / 1000} s`)),
    );
    try {
      const { rows } = await this.#client.query<T>({ ...statement, values, rowMode: 'array' });
      return rows;
    } catch (error) {
      if (isDefinite(error)) throw error;
      throw this.#end(error as Error);
    } finally {
      timer.cancel();
      this.#busy = undefined;
      free();
    }
  }

  close(): void {
    if (this.#lost === undefined) {
      this.#lost = new ConnectionLost('the connection was closed');
      void this.#client.end().catch(() => undefined);
    }
  }

  #end(cause: Error): ConnectionLost {
    if (this.#lost === undefined) {
      this.#lost = new ConnectionLost(cause.message, { cause });
      // While a statement is under way this tears the connection down, and its caller is told.
      void this.#client.end().catch(() => undefined);
      this.onLost(this.#lost);
    }
    return this.#lost;
  }
}

async function openOne(
  { endpoint, clock }: Target,
  database: string,
  { host, port }: { host: string; port: number },
  ssl: false | Ssl,
): Promise<Connection> {
  const client = new pg.Client({
    host,
    port,
    database,
    ssl,
    types,
    user: endpoint.user,
    // As a function, so that nothing else (a file, the environment) is asked for one.
    password: () => endpoint.password,
    connectionTimeoutMillis: endpoint.connectTimeoutMs,
    application_name: endpoint.applicationName,
    keepAlive: true,
    keepAliveInitialDelayMillis: keepAliveMs,
  });
  const connection = await Connection.over(client, clock);
  try {
    const [row] = await connection.query<[string]>(
      { text: 'SELECT pg_is_in_recovery()::text' },
      [],
      endpoint.connectTimeoutMs,
    );
    if (row?.[0] !== 'false')
      throw Object.assign(new Error(`${host}:${port} is a standby: it takes no writes`), {
        code: 'STANDBY',
      });
    return connection;
  } catch (error) {
    connection.close();
    throw error;
  }
}

/**
 * How to encrypt, in order of preference; libpq's modes
 * (https://www.postgresql.org/docs/current/libpq-ssl.html).
 */
function sslChoices({ endpoint, tls }: Target): (false | Ssl)[] {
  const own = {
    ...(tls.cert !== undefined && { cert: tls.cert }),
    ...(tls.key !== undefined && { key: tls.key }),
  };
  const blind: Ssl = { ...own, rejectUnauthorized: false };
  const full: Ssl = {
    ...own,
    ...(tls.ca !== undefined && { ca: tls.ca }),
    rejectUnauthorized: true,
  };
  const chain: Ssl = { ...full, checkServerIdentity: () => undefined };
  switch (endpoint.sslMode) {
    case 'disable':
      return [false];
    case 'allow':
      return [false, blind];
    case 'prefer':
      return [blind, false];
    case 'require':
      return [tls.ca === undefined ? blind : chain];
    case 'verify-ca':
      return [chain];
    case 'verify-full':
      return [full];
  }
}

/** The server's name for people: never with its password. */
export function whereOf({ user, hosts, database }: PostgresEndpoint): string {
  return (
    'PostgreSQL ' +
    `${user}@${hosts.map(({ host, port }) => `${host}:${port}`).join(',')}/${database}`
  );
}
