import { join } from 'node:path';
import { ConfigError } from '../base/errors.ts';
import { openEtcdStore } from '../etcd/client/etcd-store.ts';
import { endOrphans, hasData, startManagedEtcd, type ManagedEtcdOptions } from '../etcd/managed.ts';
import { clientTls } from '../etcd/members.ts';
import { restoreMember } from '../etcd/restore.ts';
import { openReader } from '../io/file-reader.ts';
import { isZip, unzipFile } from '../io/zip.ts';
import { loadOrCreateAuthorities } from '../pki/authorities.ts';
import { loadOrCreateEtcd } from '../pki/etcd-authority.ts';
import { encryptionOf, reencryptAtStart } from '../store/key-ring.ts';
import { fileName } from '../store/sqlite/schema.ts';
import { restoreSnapshot } from '../store/sqlite/upkeep.ts';
import { restoreAuthorities } from './authorities-copy.ts';
import { adoptBootstrap, readBootstrap } from './bootstrap.ts';
import type { ServerConfig } from './config.ts';
import { clusterPassword } from './credentials.ts';
import { etcdUrls, openFile } from './datastore.ts';
import { ownKeeper } from './datastore-keys.ts';
import type { Doors } from './doors.ts';
import { nodeFacts } from './node-facts.ts';
import { claimPidFile } from './running.ts';

const op = 'reset';
/**
 * How the files of the two engines begin: SQLite's by its name, bbolt's with a page header and this
 * number.
 */
const sqliteMark = Buffer.from('SQLite format 3\0');
const boltMark = 0xed0cdaed;
const boltMarkAt = 16;

const joinAgain = 'other servers, if there were any, join again after their server/db was removed';

/**
 * Says that a reset has been done. A server that is restarted with the same flags must not do it
 * again each time.
 */
export const resetFlag = (dataDir: string): string => join(dataDir, 'server/db/reset-flag');

/**
 * `--cluster-reset`: makes this server's etcd a cluster of its own again, or puts a snapshot in the
 * place of what the server holds. Then it is done: the server is started again without the flag.
 * Returns what to tell the operator.
 */
export async function resetServer(config: ServerConfig, doors: Doors): Promise<string> {
  const { disk } = doors;
  const db = join(config.dataDir, 'server/db');
  const pidFile = join(config.runDir, 'skiff.pid');
  await Promise.all([disk.makeDir(op, config.runDir, 0o711), disk.makeDir(op, db, 0o700)]);
  await claimPidFile(doors, pidFile);
  try {
    const flag = resetFlag(config.dataDir);
    if (await disk.stat(op, flag))
      throw new ConfigError('the cluster was reset already', {
        op,
        hint: `start without --cluster-reset; to reset it once more, remove ${flag} first`,
      });
    const done =
      config.clusterResetRestorePath === undefined
        ? await forget(config, doors)
        : await restore(config, doors, config.clusterResetRestorePath);
    await disk.writeAtomic(op, flag, `${done}\n`, { mode: 0o600 });
    return `${done}; start the server again without --cluster-reset`;
  } finally {
    await disk.remove(op, pidFile);
  }
}

async function forget(config: ServerConfig, doors: Doors): Promise<string> {
  const managed = await managedOptions(config, doors, join(config.dataDir, 'server/tls/etcd'));
  if (!(await hasData(managed)))
    throw new ConfigError('there is nothing to reset: this server runs no etcd', {
      op,
      hint: 'leave out --cluster-reset, or say which snapshot is to be restored',
    });
  await (await startManagedEtcd({ ...managed, forceNewCluster: true })).stop();
  return `the etcd of this server is a cluster of its own now; ${joinAgain}`;
}

async function restore(config: ServerConfig, doors: Doors, path: string): Promise<string> {
  const { disk } = doors;
  if (config.datastore)
    throw new ConfigError('the datastore is kept elsewhere, and so are its backups', {
      op,
      hint: 'use the tools of that datastore',
    });
  const db = join(config.dataDir, 'server/db');
  const unpacked = join(db, '.restore');
  try {
    await disk.remove(op, unpacked);
    const packed = await isZip(op, path);
    if (packed) await unzipFile(op, { source: path, target: unpacked });
    const file = packed ? unpacked : path;
    const etcd = await hasData({ disk, dir: join(db, 'etcd') });
    const isOf = await engineOf(file);
    if (isOf === undefined)
      throw new ConfigError(`${path} is not a snapshot of a datastore`, {
        op,
        hint: 'nothing was changed; see "skiff etcd-snapshot ls"',
      });
    if (isOf === 'file' && etcd)
      throw new ConfigError(
        `${path} is a snapshot of the store in data-dir, and this server keeps its state in ` +
          'an etcd',
        {
          op,
          hint: `nothing was changed; give an empty --data-dir, or move ${join(db, 'etcd')} away`,
        },
      );
    if (
      isOf === 'etcd' &&
      !etcd &&
      !config.clusterInit &&
      (await disk.stat(op, join(db, fileName)))
    )
      throw new ConfigError(
        `${path} is a snapshot of an etcd, and this server keeps its state in data-dir`,
        { op, hint: 'nothing was changed; say --cluster-init to go on with an etcd' },
      );
    const { kept, revision } =
      isOf === 'file'
        ? await restoreFile(config, doors, file)
        : await restoreEtcd(config, doors, file);
    const others = isOf === 'etcd' ? `; ${joinAgain}` : '';
    return (
      `${path} is restored, to revision ` +
      `${revision}${kept === undefined ? '' : `; what was there is kept as ${kept}`}${others}`
    );
  } finally {
    await disk.remove(op, unpacked);
  }
}

async function engineOf(path: string): Promise<'file' | 'etcd' | undefined> {
  const file = await openReader(op, path);
  if (!file) return undefined;
  try {
    const head = await file.read(0, boltMarkAt + 4);
    if (head.subarray(0, sqliteMark.length).equals(sqliteMark)) return 'file';
    return head.length === boltMarkAt + 4 && head.readUInt32LE(boltMarkAt) === boltMark
      ? 'etcd'
      : undefined;
  } finally {
    await file.close();
  }
}

/** Puts a snapshot of the file in the place of the store. */
export async function restoreFile(
  config: ServerConfig,
  doors: Doors,
  snapshot: string,
): Promise<{ kept: string | undefined; revision: number }> {
  const keeper = ownKeeper({ config, doors });
  const state = await keeper.read();
  const encryption = state && encryptionOf(state);
  const restored = await restoreSnapshot({
    snapshot,
    dir: join(config.dataDir, 'server/db'),
    clock: doors.clock,
    ...(encryption && { encryption }),
  });
  await reencryptAtStart(keeper);
  if (!(await doors.disk.stat(op, join(config.dataDir, 'server/tls/server-ca.crt'))))
    await authoritiesOfSnapshot(config, doors);
  return restored;
}

/** A machine that is made again takes them from the snapshot, if its token opens them. */
async function authoritiesOfSnapshot(config: ServerConfig, doors: Doors): Promise<void> {
  const dir = join(config.dataDir, 'server/tls');
  const store = await openFile({ config, doors });
  let because = 'the snapshot holds none';
  try {
    const password = await clusterPassword(config, doors, { keep: false });
    if (await restoreAuthorities(store, { config, doors, password })) return;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    because = error.message;
  } finally {
    await store.close();
  }
  doors.log.warn(
    'there are no authorities here, and none could be taken from the snapshot: new ones are ' +
      'made, and tokens and kubeconfigs of the old ones are worth nothing',
    { dir, because },
  );
  await loadOrCreateAuthorities({ ...doors, dir });
}

async function restoreEtcd(
  config: ServerConfig,
  doors: Doors,
  snapshot: string,
): Promise<{ kept: string | undefined; revision: number }> {
  const { disk, clock } = doors;
  const db = join(config.dataDir, 'server/db');
  // The authorities of a server that is made again are in the snapshot; until they are read, it
  // makes do with others.
  const tlsDir = join(db, '.restore-tls');
  await disk.remove(op, tlsDir);
  try {
    const managed = await managedOptions(config, doors, tlsDir);
    await endOrphans(managed);
    const restored = await restoreMember({
      ...managed,
      snapshot,
      stamp: Math.floor(clock.now() / 1000),
    });
    await disk.remove(op, `${managed.dir}-peers.json`);
    const etcd = await startManagedEtcd(managed);
    try {
      await settle(config, doors, {
        endpoints: [etcd.endpoint],
        tls: clientTls(managed.identities),
      });
    } finally {
      await etcd.stop();
    }
    return restored;
  } finally {
    await disk.remove(op, tlsDir);
  }
}

/**
 * Ends watches of older revisions as compacted, and takes what the cluster's servers have
 * in common if there is nothing yet.
 */
async function settle(
  config: ServerConfig,
  doors: Doors,
  cluster: { endpoints: string[]; tls: ReturnType<typeof clientTls> },
): Promise<void> {
  const store = await openEtcdStore({ ...cluster, clock: doors.clock, log: doors.log });
  try {
    await store.compact(store.revision);
    const password = await clusterPassword(config, doors, { keep: false });
    const found = await readBootstrap(store, password);
    const known = await doors.disk.stat(op, join(config.dataDir, 'server/tls/server-ca.crt'));
    if (found && !known) await adoptBootstrap(config, doors, found.data);
  } finally {
    await store.close();
  }
}

async function managedOptions(
  config: ServerConfig,
  doors: Doors,
  tlsDir: string,
): Promise<ManagedEtcdOptions> {
  const facts = await nodeFacts(config, doors);
  const identities = await loadOrCreateEtcd({
    ...doors,
    dir: tlsDir,
    names: [facts.name, ...facts.ips],
  });
  return {
    ...doors,
    dir: join(config.dataDir, 'server/db/etcd'),
    tlsDir,
    identities,
    name: facts.name,
    log: doors.log.named('etcd'),
    ...etcdUrls(facts.ip),
  };
}
