import { join } from 'node:path';
import { ConfigError } from '../base/errors.ts';
import type { Clock } from '../io/clock.ts';
import type { Disk } from '../io/disk.ts';
import { openReader } from '../io/file-reader.ts';
import type { GrpcServer, GrpcServerOptions } from '../io/grpc-server.ts';
import type { Log } from '../io/log.ts';
import { realRandom, type Random } from '../io/random.ts';
import type { LogStore } from '../store/log-store.ts';
import { openSqliteStore } from '../store/sqlite/open.ts';
import type { SnapshotFiles } from './maintenance.ts';
import { serveEtcd } from './server.ts';
import { etcdSnapshots } from './snapshots.ts';

const readBytes = 1024 * 1024;

export interface DatastoreOptions {
  dataDir: string;
  /** `http://host:port`, `https://host:port`, `unix:///path`. */
  listenClientUrls: string[];
  /** What the member list tells clients; without it, where it serves. */
  advertiseClientUrls?: string[];
  /** Paths of PEM files. */
  tls?: { certFile: string; keyFile: string; trustedCaFile?: string };
  name?: string;
  /** How much history is kept; 0 = until a client compacts. */
  historyMs?: number;
  clock: Clock;
  disk: Disk;
  log: Log;
}

export interface Datastore {
  /** Where it serves, ports filled in. */
  urls: string[];
  store: LogStore;
  close(): Promise<void>;
}

/** The store with etcd's face as a service of its own. */
export async function runDatastore(options: DatastoreOptions): Promise<Datastore> {
  const { disk, clock, log } = options;
  const wanted = options.listenClientUrls.map(parseListenUrl);
  const tls = await readTls(options);
  if (wanted.some((w) => w.scheme === 'https') && !tls)
    throw new ConfigError('an https:// client URL needs --cert-file and --key-file', {
      op: 'datastore',
    });
  const store = await openSqliteStore({
    dir: options.dataDir,
    clock,
    log,
    historyMs: options.historyMs,
    reserve: true,
  });
  const identity = await identityIn(disk, options.dataDir);
  const servers: GrpcServer[] = [];
  const urls: string[] = [];
  // Filled below, as ports get known, before anybody can ask.
  const member = {
    ...identity,
    name: options.name ?? 'default',
    clientUrls: options.advertiseClientUrls ?? urls,
  };
  try {
    servers.push(...(await serveUpkeep(store, options)));
    for (const one of wanted) {
      const server = await serveEtcd(store, {
        listen: [one.listen],
        tls: one.scheme === 'https' ? tls : undefined,
        clock,
        log: log.named('etcd'),
        snapshots: etcdSnapshots(store, member),
        ...member,
      });
      servers.push(server);
      urls.push(
        'path' in one.listen
          ? `unix://${one.listen.path}`
          : `${one.scheme}://${one.listen.host}:${server.ports[0]}`,
      );
    }
  } catch (error) {
    await store.close();
    throw error;
  }
  return {
    urls,
    store,
    async close() {
      // First the store: it ends its watches with a word, and answers what is under way.
      await store.close();
      await Promise.all(servers.map((server) => server.close()));
    },
  };
}

/**
 * For "skiff datastore snapshot": the store's own file. A folder with a name too long for a
 * socket's has none.
 */
async function serveUpkeep(
  store: LogStore,
  { dataDir, clock, disk, log }: DatastoreOptions,
): Promise<GrpcServer[]> {
  const path = join(dataDir, 'upkeep.sock');
  try {
    return [
      await serveEtcd(store, {
        listen: [{ path }],
        upkeepOnly: true,
        clock,
        log: log.named('upkeep'),
        snapshots: snapshotFiles(store, disk, dataDir),
      }),
    ];
  } catch (error) {
    log.warn(
      'no snapshots with "skiff datastore snapshot" while this runs; etcdctl can take them',
      { error },
    );
    return [];
  }
}

function parseListenUrl(text: string): {
  scheme: string;
  listen: GrpcServerOptions['listen'][number];
} {
  const match = /^(http|https):\/\/(\[[^\]]+\]|[^:/]+):(\d+)\/?$/.exec(text);
  if (match)
    return {
      scheme: match[1] as string,
      listen: { host: (match[2] as string).replace(/^\[|\]$/g, ''), port: Number(match[3]) },
    };
  const path = /^unix:\/\/(\/.+)$/.exec(text)?.[1];
  if (path !== undefined) return { scheme: 'unix', listen: { path } };
  throw new ConfigError(`${text} is not a client URL`, {
    op: 'datastore',
    hint: 'http://127.0.0.1:2379, https://host:port or unix:///path',
  });
}

async function readTls({
  tls,
  disk,
}: DatastoreOptions): Promise<GrpcServerOptions['tls'] | undefined> {
  if (!tls) return undefined;
  const text = async (path: string): Promise<string> =>
    (await disk.read('datastore.tls', path)).toString();
  return {
    cert: await text(tls.certFile),
    key: await text(tls.keyFile),
    ...(tls.trustedCaFile === undefined ? {} : { clientCa: await text(tls.trustedCaFile) }),
  };
}

/**
 * Cluster and member ids stay the same for the life of the data: clients notice when a store was
 * exchanged.
 */
async function identityIn(
  disk: Disk,
  dir: string,
  random: Random = realRandom,
): Promise<{ clusterId: string; memberId: string }> {
  const path = join(dir, 'identity.json');
  const known = await disk.readIfThere('datastore.identity', path);
  if (known) return JSON.parse(known.toString()) as { clusterId: string; memberId: string };
  const id = (): string => Buffer.from(random.bytes(8)).readBigUInt64BE(0).toString();
  const made = { clusterId: id(), memberId: id() };
  await disk.writeAtomic('datastore.identity', path, JSON.stringify(made), { mode: 0o600 });
  return made;
}

/** Snapshots of a store by way of a file in its folder. */
export function snapshotFiles(
  store: LogStore,
  disk: Disk,
  dir: string,
  random: Random = realRandom,
): SnapshotFiles {
  return {
    async read() {
      const path = join(dir, `snapshot-${random.uuid()}.tmp`);
      await store.snapshot(path);
      const file = await openReader('datastore.snapshot', path);
      if (!file) throw new ConfigError('the snapshot is gone', { op: 'datastore' });
      // An open file outlives its name, so nothing is left behind whatever happens to the client.
      await disk.remove('datastore.snapshot', path);
      const size = await file.size();
      return {
        size,
        chunks: (async function* () {
          try {
            for (let at = 0; at < size; at += readBytes)
              yield await file.read(at, Math.min(readBytes, size - at));
          } finally {
            await file.close();
          }
        })(),
      };
    },
  };
}
