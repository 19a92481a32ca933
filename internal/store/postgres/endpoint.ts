import { ConfigError } from '../../base/errors.ts';

const op = 'datastore-endpoint';
const defaultPort = 5432;
/** What k3s takes when the endpoint does not say. */
const defaults = {
  user: 'postgres',
  password: 'postgres',
  host: 'localhost',
  database: 'kubernetes',
};
const sslModes = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const;
type SslMode = (typeof sslModes)[number];

export interface PostgresEndpoint {
  /**
   * Tried in this order; a standby is passed over. A host that begins with '/' is the folder of a
   * unix socket.
   */
  hosts: { host: string; port: number }[];
  user: string;
  password: string;
  database: string;
  sslMode: SslMode;
  /** Paths of PEM files that the URL names. */
  files: { ca?: string; cert?: string; key?: string };
  connectTimeoutMs: number;
  applicationName: string;
}

export interface TlsTexts {
  ca?: string;
  cert?: string;
  key?: string;
}

/** True when the endpoint names a PostgreSQL. */
export function isPostgres(endpoint: string): boolean {
  return /^postgres(ql)?:\/\//.test(endpoint);
}

/**
 * Reads `postgres://user:password@host:port,host:port/database?sslmode=...`: libpq's form of it.
 * Throws ConfigError.
 */
export function parsePostgresEndpoint(endpoint: string): PostgresEndpoint {
  const match =
    /^postgres(?:ql)?:\/\/(?:([^:@/]*)(?::([^@/]*))?@)?([^/?@]*)(?:\/([^?@]*))?(?:\?(.*))?$/.exec(
      endpoint,
    );
  // The text itself is not shown: it may hold a password.
  if (!match)
    throw bad(
      'is not of the form postgres://user:password@host:port/database',
      'write /, ?, @ and : in names and passwords as %2F, %3F, %40 and %3A',
    );
  const [, user = '', password, authority = '', path = '', query = ''] = match;
  const settings = new Map([...new URLSearchParams(query)]);
  const take = (name: string): string | undefined => {
    const value = settings.get(name);
    settings.delete(name);
    return value;
  };
  const bare = endpoint.replace(/\/+$/, '').endsWith(':');
  const result: PostgresEndpoint = {
    hosts: hosts(authority, take('host'), take('port')),
    user: decoded(take('user') ?? user) || defaults.user,
    password: decoded(take('password') ?? password ?? (bare ? defaults.password : '')),
    database: decoded(take('dbname') ?? path) || defaults.database,
    sslMode: 'prefer',
    files: pruned({ ca: take('sslrootcert'), cert: take('sslcert'), key: take('sslkey') }),
    connectTimeoutMs: Math.max(1, Number(take('connect_timeout') ?? 5)) * 1000,
    applicationName: take('application_name') ?? 'skiff',
  };
  const mode = take('sslmode');
  if (mode !== undefined && !(sslModes as readonly string[]).includes(mode))
    throw bad(`has the unknown sslmode "${mode}"`, `known are ${sslModes.join(', ')}`);
  result.sslMode =
    (mode as SslMode | undefined) ?? (result.files.ca === undefined ? 'prefer' : 'verify-full');
  if (!(result.connectTimeoutMs > 0))
    throw bad('has a connect_timeout that is not a number of seconds');
  // Every host is asked whether it takes writes, whatever the URL says.
  take('target_session_attrs');
  const [unknown] = settings.keys();
  if (unknown !== undefined)
    throw bad(
      `has the unknown setting "${unknown}"`,
      'known are sslmode, sslrootcert, sslcert, sslkey, host, port, user, password, dbname, ' +
        'connect_timeout, application_name',
    );
  return result;
}

/**
 * Certificates given beside the endpoint: as with k3s they ask for a verified server unless the
 * endpoint says otherwise.
 */
export function withTls(
  endpoint: string,
  parsed: PostgresEndpoint,
  tls: TlsTexts,
): PostgresEndpoint {
  const said = /[?&]sslmode=/.test(endpoint);
  return said || (tls.ca === undefined && tls.cert === undefined)
    ? parsed
    : { ...parsed, sslMode: 'verify-full' };
}

function hosts(
  authority: string,
  named: string | undefined,
  ports: string | undefined,
): PostgresEndpoint['hosts'] {
  const portList = (ports ?? '').split(',');
  const list = (named ?? authority).split(',').map((one, i) => {
    const fromList = portList[i] ?? portList[0] ?? '';
    const path = decoded(one);
    if (path.startsWith('/')) return { host: path, port: port(fromList) };
    const parts = /^(\[[^\]]+\]|[^:]*)(?::(\d*))?$/.exec(one);
    if (!parts) throw bad(`has the address "${one}", which is not host:port`);
    return {
      host: decoded(parts[1] ?? '').replace(/^\[|\]$/g, '') || defaults.host,
      port: port(parts[2] ?? fromList),
    };
  });
  return list;
}

function port(text: string): number {
  if (text === '') return defaultPort;
  const number = Number(text);
  if (!/^\d+$/.test(text) || number < 1 || number > 65535)
    throw bad(`has "${text}" where a port belongs`);
  return number;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw bad('has a % that begins no character', 'write a % in a password as %25');
  }
}

function pruned<T extends object>(value: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}

function bad(what: string, hint?: string): ConfigError {
  return new ConfigError(`the datastore endpoint ${what}`, {
    op,
    hint:
      hint ?? 'for example postgres://skiff:secret@db.example.com:5432/skiff?sslmode=verify-full',
  });
}
