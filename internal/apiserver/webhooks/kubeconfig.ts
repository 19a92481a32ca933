import { isAddress } from '../../base/addresses.ts';
import { Buffer } from 'node:buffer';
import { isAbsolute, join } from 'node:path';
import { load } from 'js-yaml';
import { ConfigError } from '../../base/errors.ts';
import type { Clock } from '../../io/clock.ts';
import type { DialTarget } from '../../io/dial.ts';
import type { Disk } from '../../io/disk.ts';

/** Where a webhook listens that an administrator named in a kubeconfig, and how it knows us. */
export interface KubeconfigWebhook {
  target: DialTarget;
  path: string;
  /** `https://host:port`, for messages. */
  origin: string;
  /**
   * The value of the Authorization header: a token that stands in a file is read again once a
   * minute.
   */
  authorization(): Promise<string | undefined>;
}

interface Reading {
  disk: Disk;
  clock: Clock;
  /** Names the operation on the disk, `audit.webhook`. */
  op: string;
  /** Begins the message of a ConfigError. */
  what: string;
}

type Entry = Record<string, unknown>;
type Broken = (what: string, cause?: unknown) => ConfigError;

/**
 * Where a kubeconfig's current context leads, its files read. Throws a ConfigError that names the
 * file.
 */
export async function readKubeconfig(
  path: string,
  { disk, clock, op, what }: Reading,
): Promise<KubeconfigWebhook> {
  const broken: Broken = (why, cause) =>
    new ConfigError(`${what} ${path} cannot be used: ${why}`, { op, cause });
  const read = async (from: string): Promise<string> => {
    try {
      return (await disk.read(op, isAbsolute(from) ? from : join(path, '..', from))).toString();
    } catch (cause) {
      throw broken(`${from} cannot be read`, cause);
    }
  };
  const config = parsed(await read(path), broken);
  const context = named(config, broken, {
    list: 'contexts',
    name: config['current-context'],
    inner: 'context',
  });
  const cluster = named(config, broken, {
    list: 'clusters',
    name: context['cluster'],
    inner: 'cluster',
  });
  const user =
    context['user'] === undefined
      ? {}
      : named(config, broken, { list: 'users', name: context['user'], inner: 'user' });
  for (const field of ['exec', 'auth-provider'])
    if (user[field] !== undefined)
      throw broken(`the user's ${field} is not supported: no program is run for a credential`);
  if (cluster['proxy-url'] !== undefined) throw broken("the cluster's proxy-url is not supported");
  const url = URL.parse(String(cluster['server'] ?? ''));
  if (!url || (url.protocol !== 'https:' && url.protocol !== 'http:'))
    throw broken(`the server ${JSON.stringify(cluster['server'])} must be a URL`);
  if (url.username || url.password)
    throw broken('the address of the server holds a user; name one below "users"');
  const bytes = async (from: Entry, key: string): Promise<string | undefined> => {
    const data = from[`${key}-data`];
    if (typeof data === 'string') return Buffer.from(data, 'base64').toString();
    return typeof from[key] === 'string' ? read(from[key]) : undefined;
  };
  const tls = url.protocol === 'https:' && {
    tls: {
      ca: await bytes(cluster, 'certificate-authority'),
      cert: await bytes(user, 'client-certificate'),
      key: await bytes(user, 'client-key'),
      ...servername(cluster['tls-server-name'] ?? url.hostname),
      insecure: cluster['insecure-skip-tls-verify'] === true,
    },
  };
  return {
    target: {
      host: url.hostname.replace(/^\[|\]$/g, ''),
      port: Number(url.port || (url.protocol === 'https:' ? 443 : 80)),
      ...tls,
    },
    path: `${url.pathname}${url.search}`,
    origin: url.origin,
    authorization: await credential(user, read, clock),
  };
}

const rereadTokenMs = 60_000;

async function credential(
  user: Entry,
  read: (path: string) => Promise<string>,
  clock: Clock,
): Promise<() => Promise<string | undefined>> {
  const { token, tokenFile, username, password } = user;
  if (typeof tokenFile === 'string') {
    let [bearer, at] = [`Bearer ${(await read(tokenFile)).trim()}`, clock.monotonicMs()];
    return async () => {
      if (clock.monotonicMs() - at >= rereadTokenMs) {
        at = clock.monotonicMs();
        // A token that is being replaced at this moment: the former one may still do.
        bearer = await read(tokenFile).then(
          (text) => `Bearer ${text.trim()}`,
          () => bearer,
        );
      }
      return bearer;
    };
  }
  const fixed =
    token !== undefined
      ? `Bearer ${String(token)}`
      : username !== undefined
        ? `Basic ${Buffer.from(`${String(username)}:${String(password ?? '')}`).toString('base64')}`
        : undefined;
  return () => Promise.resolve(fixed);
}

function named(
  config: Entry,
  broken: Broken,
  { list, name, inner }: { list: string; name: unknown; inner: string },
): Entry {
  const rows = config[list];
  const row = Array.isArray(rows)
    ? (rows as (Entry | null)[]).find((one) => one?.['name'] === name)
    : undefined;
  if (!row) throw broken(`no ${inner} is called ${JSON.stringify(name)}`);
  return (row[inner] as Entry | null | undefined) ?? {};
}

/** An address is not a server name (RFC 6066). */
function servername(name: unknown): { servername?: string } {
  return typeof name === 'string' && !isAddress(name.replace(/^\[|\]$/g, ''))
    ? { servername: name }
    : {};
}

function parsed(text: string, broken: Broken): Entry {
  try {
    const value = load(text);
    if (typeof value === 'object' && value !== null) return value as Entry;
  } catch (cause) {
    throw broken('it is not YAML', cause);
  }
  throw broken('it is not a kubeconfig');
}
