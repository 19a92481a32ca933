import { join } from 'node:path';
import { hostInUrl } from '../base/addresses.ts';
import { openEtcdStore } from '../etcd/client/etcd-store.ts';
import { snapshotFiles } from '../etcd/datastore.ts';
import { hasData, startManagedEtcd } from '../etcd/managed.ts';
import { clientTls, type EtcdCluster } from '../etcd/members.ts';
import { checkNotCutOff } from '../etcd/restore.ts';
import { serveEtcd } from '../etcd/server.ts';
import { loadOrCreateEtcd, type EtcdIdentities } from '../pki/etcd-authority.ts';
import { copyKeys } from '../store/copy-keys.ts';
import type { LogStore } from '../store/log-store.ts';
import { isPostgres } from '../store/postgres/endpoint.ts';
import { openSqliteStore } from '../store/sqlite/open.ts';
import { fileName } from '../store/sqlite/schema.ts';
import type { Store } from '../store/store.ts';
import { copyKey } from './authorities-copy.ts';
import { shareBootstrap } from './bootstrap.ts';
import type { ServerConfig } from './config.ts';
import { ownEncryption, ownKeeper, sealStore, type DatastoreKeys } from './datastore-keys.ts';
import { logValues, sealedValues } from './datastore-values.ts';
import type { Doors } from './doors.ts';
import type { Joined } from './join.ts';
import type { NodeFacts } from './node-facts.ts';
import type { EncryptedValues } from './secrets-encryption.ts';
import { etcdEngine, fileEngine } from './snapshots/engines.ts';
import type { SnapshotEngine } from './snapshots/snapshots.ts';
import { whenWritable } from './when-writable.ts';
import type { JoinPasswords } from './token-change.ts';

/** etcd's own ports: operators and firewalls know them. */
const clientPort = 2379;
const peerPort = 2380;

/** The server's store, and what it can do beyond being one. */
export interface Datastore {
  store: Store;
  keys: DatastoreKeys;
  /** How its values are encrypted again and counted. */
  encryption: EncryptedValues;
  /** Undefined where the datastore, and its backups, are kept elsewhere. */
  snapshots?: SnapshotEngine;
  /** Other servers may use it as well. */
  shared: boolean;
  /** The disk it lies on, when it is this machine's and no other process'. */
  room?: LogStore['room'];
  /** The etcd that runs beside this server. */
  etcd?: EtcdCluster;
  /** This machine has other addresses by now. */
  readdress?(facts: NodeFacts): Promise<void>;
  /** Issues what is due of the certificates between this server and its etcd; true = something. */
  renew?(): Promise<boolean>;
  /** Closes the store and what was started for it. */
  close(): Promise<void>;
}

export interface DatastoreOptions {
  config: ServerConfig;
  doors: Doors;
  facts: NodeFacts;
  /** What machines join with; changed when the datastore says that it is another one. */
  passwords: JoinPasswords;
  joined?: Joined;
}

/**
 * Whether other servers may share the store: then they, not this one alone, decide on authorities
 * and keys.
 */
export async function isShared(
  config: ServerConfig,
  { disk }: Pick<Doors, 'disk'>,
): Promise<boolean> {
  const { datastore, clusterInit, server } = config;
  return (
    datastore !== undefined ||
    clusterInit === true ||
    server !== undefined ||
    (await hasData({ disk, dir: join(config.dataDir, 'server/db/etcd') }))
  );
}

/**
 * Opens the server's store: a cluster elsewhere when one is named, an etcd beside us, else the file
 * below the data directory.
 */
export async function openDatastore(options: DatastoreOptions): Promise<Datastore> {
  const { config, doors } = options;
  const beside = config.datastore === undefined && (await isShared(config, doors));
  if (!beside && Object.keys(config.etcdTuning ?? {}).length > 0)
    doors.log.warn(
      '--etcd-arg and --etcd-expose-metrics have no effect: there is no etcd beside this server',
    );
  if (config.datastore) return await openElsewhere(config.datastore, options);
  await checkNotCutOff({ dir: join(config.dataDir, 'server/db/etcd'), disk: doors.disk });
  return beside ? await openBeside(options) : await openOwn(options);
}

async function openElsewhere(
  datastore: NonNullable<ServerConfig['datastore']>,
  options: DatastoreOptions,
): Promise<Datastore> {
  const inner = await openCluster(datastore, options.config.apiServer?.historyMs, options.doors);
  const { store, keys, settle } = await sealStore(inner, options);
  await shareBootstrap(inner, options);
  await settle();
  return { store, keys, encryption: sealedValues(store), shared: true, close: () => store.close() };
}

/** The file below the data directory, which nobody else changes. */
async function openOwn(options: DatastoreOptions): Promise<Datastore> {
  const { config, doors } = options;
  const store = await openFile(options);
  const dir = join(config.dataDir, 'server/db');
  // Snapshots of a running server are taken through this socket; it gives no access to keys one by
  // one.
  const start = async (): Promise<() => Promise<void>> => {
    const upkeep = await serveEtcd(store, {
      listen: [{ path: join(dir, 'upkeep.sock') }],
      upkeepOnly: true,
      clock: doors.clock,
      log: doors.log.named('upkeep'),
      snapshots: snapshotFiles(store, doors.disk, dir),
    });
    return () => upkeep.close();
  };
  const stop = await whenWritable({
    what: 'the upkeep of the datastore',
    room: store.room,
    log: doors.log,
    start,
  });
  return {
    store,
    keys: { keeper: ownKeeper(options), refresh: () => Promise.resolve() },
    encryption: logValues(store),
    snapshots: fileEngine(store),
    shared: false,
    room: store.room,
    async close() {
      await stop();
      await store.close();
    },
  };
}

/** The store that is a file below the data directory. */
export async function openFile({
  config,
  doors,
}: Pick<DatastoreOptions, 'config' | 'doors'>): Promise<LogStore> {
  return await openSqliteStore({
    ...doors,
    dir: join(config.dataDir, 'server/db'),
    encryption: await ownEncryption({ config, doors }),
    historyMs: config.apiServer?.historyMs,
    reserve: true,
    scratchDir: config.runDir,
  });
}

async function openCluster(
  datastore: NonNullable<ServerConfig['datastore']>,
  historyMs: number | undefined,
  { clock, log, disk }: Doors,
): Promise<Store> {
  const text = async (path: string | undefined): Promise<string | undefined> =>
    path === undefined ? undefined : (await disk.read('datastore.tls', path)).toString();
  const tls = {
    ca: await text(datastore.caFile),
    cert: await text(datastore.certFile),
    key: await text(datastore.keyFile),
  };
  if (isPostgres(datastore.endpoint)) {
    // Loaded only where it is used: it takes its share of the start.
    const { openPostgresStore } = await import('../store/postgres/open.ts');
    const { endpoint } = datastore;
    return await openPostgresStore({ endpoint, tls, historyMs, clock, disk, log });
  }
  return await openEtcdStore({
    endpoints: datastore.endpoint.split(',').map((e) => e.trim()),
    tls,
    historyMs,
    clock,
    log,
  });
}

/** Runs an etcd beside the server. What the file held before is brought over once. */
async function openBeside(options: DatastoreOptions): Promise<Datastore> {
  const { config, doors, facts, joined } = options;
  const { disk, clock, log } = doors;
  const db = join(config.dataDir, 'server/db');
  const tlsDir = join(config.dataDir, 'server/tls/etcd');
  const dir = join(db, 'etcd');
  const load = async (mustExist: boolean): Promise<EtcdIdentities> =>
    await loadOrCreateEtcd({ ...doors, dir: tlsDir, names: [facts.name, ...facts.ips], mustExist });
  const identities = await load(await hasData({ disk, dir }));
  await disk.makeDir('etcd', db, 0o700);
  const managed = {
    ...doors,
    dir,
    tlsDir,
    identities,
    name: facts.name,
    log: log.named('etcd'),
    tuning: config.etcdTuning,
    ...etcdUrls(facts.ip),
    ...(joined && { join: joined }),
  };
  const file = join(db, fileName);
  const moving = `${file}.moving`;
  // Noted before there is an etcd: a move that was cut off is begun again, and a file of long ago
  // is never moved over newer state.
  if (!(await hasData({ disk, dir })) && (await disk.stat('etcd', file)))
    await disk.writeAtomic('etcd', moving, '');
  const etcd = await startManagedEtcd(managed);
  const tls = clientTls(identities);
  const cluster = { endpoints: [etcd.endpoint], tls, clock };
  // etcd reads the files of its certificates for each new connection; ours are held in memory.
  const renew = async (): Promise<boolean> => {
    const now = await load(true);
    const same = (['server', 'peer', 'client'] as const).every(
      (one) => now[one].cert === identities[one].cert,
    );
    Object.assign(identities, now);
    Object.assign(tls, clientTls(now));
    return !same;
  };
  const { historyMs } = config.apiServer ?? {};
  const inner = await openEtcdStore({ ...cluster, historyMs, log });
  const { store, keys, settle } = await sealStore(inner, options);
  if (await disk.stat('etcd', moving)) {
    const old = await openFile(options);
    await keys.refresh();
    log.info('state is brought over to etcd', { keys: await copyKeys(old, store) });
    // Servers of an etcd share theirs, with etcd's own.
    await store.deleteRange({ key: copyKey });
    await old.close();
    await doors.spawn.run('etcd', ['mv', file, `${file}.migrated`]);
    await disk.remove('etcd', moving);
  }
  await shareBootstrap(inner, options);
  await settle();
  const readdress = async (now: NodeFacts): Promise<void> => {
    await renew();
    await etcd.readdress(etcdUrls(now.ip));
  };
  return {
    store,
    keys,
    encryption: sealedValues(store),
    snapshots: etcdEngine(cluster, disk),
    shared: true,
    etcd: cluster,
    readdress,
    renew,
    async close() {
      await store.close();
      await etcd.stop();
    },
  };
}

/** Where a member listens: for this server, for other servers, for other members. */
export function etcdUrls(ip: string): {
  clientUrl: string;
  moreClientUrls: string[];
  peerUrl: string;
} {
  const host = hostInUrl(ip);
  const alone = host === '127.0.0.1';
  return {
    clientUrl: `https://127.0.0.1:${clientPort}`,
    moreClientUrls: alone ? [] : [`https://${host}:${clientPort}`],
    peerUrl: `https://${host}:${peerPort}`,
  };
}
