import { join } from 'node:path';
import { ConfigError, messageOf } from '../base/errors.ts';
import { loadOrCreateAuthorities } from '../pki/authorities.ts';
import {
  bootstrapFormat,
  bootstrapName,
  collectFiles,
  differingSetting,
  foreignFile,
  openBootstrap,
  sealBootstrap,
  versionsApart,
  writeFiles,
  type BootstrapData,
} from '../pki/bootstrap.ts';
import { follow } from '../apiserver/follow.ts';
import { prefixEnd, type Store } from '../store/store.ts';
import type { Random } from '../io/random.ts';
import type { ServerConfig } from './config.ts';
import type { Doors } from './doors.ts';
import { kubernetesVersion } from './release.ts';
import { tokenNow, type JoinPasswords } from './token-change.ts';

/** Outside /registry, so that no API server ever reads it as an object. */
export const bootstrapPrefix = '/bootstrap/';

export interface StoredBootstrap {
  data: BootstrapData;
  /** Goes into the write that replaces it. */
  modRevision: number;
}

const strangerHint = 'give the token of the cluster, as in server/token on one of its servers';

/**
 * The cluster's common data as a shared datastore keeps it; undefined before the first server.
 * Throws when it is another token's.
 */
export async function readBootstrap(
  store: Store,
  password: string,
): Promise<StoredBootstrap | undefined> {
  const key = bootstrapPrefix + (await bootstrapName(password));
  const { kvs } = await store.range({ key: bootstrapPrefix, end: prefixEnd(bootstrapPrefix) });
  const kv = kvs.find((one) => one.key === key);
  if (kv) return { data: await openBootstrap(kv.value, password), modRevision: kv.modRevision };
  if (kvs.length > 0)
    throw new ConfigError('the datastore belongs to a cluster with another token', {
      op: 'bootstrap',
      hint: strangerHint,
    });
  return undefined;
}

/**
 * Writes it if it is still at `modRevision` (0 = not there); false when another server was faster.
 * All servers follow it.
 */
export async function writeBootstrap(
  store: Store,
  options: { password: string; data: BootstrapData; modRevision: number; random: Random },
): Promise<boolean> {
  const key = bootstrapPrefix + (await bootstrapName(options.password));
  const value = await sealBootstrap(options.data, options.password, options.random);
  const done = await store.txn({
    compare: [{ key, target: 'MOD', result: 'EQUAL', operand: options.modRevision }],
    success: [{ op: 'put', key, value }],
    failure: [],
  });
  return done.succeeded;
}

/**
 * Puts what `change` makes of one of the common files in its place, for all servers; another
 * server's change comes before or after.
 */
export async function changeFile(
  store: Store,
  options: {
    password: string;
    file: string;
    random: Random;
    change(before: string | undefined): string | undefined;
  },
): Promise<void> {
  const { password, file, random } = options;
  for (;;) {
    const found = await readBootstrap(store, password);
    if (!found)
      throw new ConfigError('the datastore holds no bootstrap data', {
        op: 'bootstrap',
        hint: 'is it the datastore of this cluster?',
      });
    const before = found.data.files[file];
    const after = options.change(before);
    if (after === undefined || after === before) return;
    const data = { ...found.data, files: { ...found.data.files, [file]: after } };
    if (await writeBootstrap(store, { password, data, modRevision: found.modRevision, random }))
      return;
  }
}

/**
 * Writes what other servers publish to this server's disk and says which files changed, from now
 * on. Gives how to stop.
 */
export async function followBootstrap(
  store: Store,
  options: {
    passwords: JoinPasswords;
    dir: string;
    doors: Pick<Doors, 'clock' | 'disk' | 'log'>;
    changed(files: string[]): Promise<void> | void;
    /** The password is another one now, by another server's change. */
    rotated?(): Promise<void>;
  },
): Promise<() => void> {
  const { passwords, dir, doors } = options;
  let stopped = false;
  let queue = Promise.resolve();
  const look = async (): Promise<void> => {
    if (stopped) return;
    try {
      if (await tokenNow(store, { dir, doors, passwords })) await options.rotated?.();
      const found = await readBootstrap(store, passwords.server);
      if (!found || (await foreignFile(doors.disk, dir, found.data.files))) return;
      const written = await writeFiles(doors.disk, dir, found.data.files);
      if (written.length === 0) return;
      doors.log.info('files of the cluster have changed', { files: written });
      await options.changed(written);
    } catch (error) {
      doors.log.warn('the bootstrap data of the cluster cannot be read', {
        error: messageOf(error),
      });
    }
  };
  const soon = (): void => void (queue = queue.then(look));
  const following = await follow({
    store,
    clock: doors.clock,
    log: doors.log,
    name: 'bootstrap',
    prefix: bootstrapPrefix,
    onChanges: soon,
  });
  return () => {
    stopped = true;
    following.stop();
  };
}

/** The values that all servers of a cluster must agree on. */
function criticalSettings(config: ServerConfig): Record<string, string> {
  return {
    'cluster-cidr': config.clusterCidr,
    'service-cidr': config.serviceCidr,
    'cluster-dns': config.clusterDns,
    'cluster-domain': config.clusterDomain,
  };
}

/** Throws when a server with this configuration would not be one of the cluster's. */
function checkCompatible(config: ServerConfig, data: BootstrapData): void {
  const differs = differingSetting(criticalSettings(config), data.settings);
  if (differs !== undefined)
    throw new ConfigError(`critical configuration value mismatch: ${differs}`, {
      op: 'bootstrap',
      hint: 'give this server the value of the cluster',
    });
  if (versionsApart(kubernetesVersion, data.version)) {
    throw new ConfigError(
      `this skiff is Kubernetes ${kubernetesVersion} and the cluster ${data.version}`,
      { op: 'bootstrap', hint: 'servers may be one minor version apart: upgrade step by step' },
    );
  }
}

/** What a server tells others of itself and its cluster. */
export async function ownBootstrap(
  config: ServerConfig,
  doors: Pick<Doors, 'disk'>,
): Promise<BootstrapData> {
  return {
    format: bootstrapFormat,
    version: kubernetesVersion,
    settings: criticalSettings(config),
    files: await collectFiles(doors.disk, join(config.dataDir, 'server')),
  };
}

/**
 * Takes over what the cluster has in common; refuses when the data directory is another cluster's.
 */
export async function adoptBootstrap(
  config: ServerConfig,
  doors: Pick<Doors, 'disk' | 'log'>,
  data: BootstrapData,
): Promise<string[]> {
  checkCompatible(config, data);
  const dir = join(config.dataDir, 'server');
  const foreign = await foreignFile(doors.disk, dir, data.files);
  if (foreign !== undefined) {
    throw new ConfigError(
      `${join(dir, foreign)} is not the cluster's: this data directory belongs to another cluster`,
      { op: 'bootstrap', hint: `remove ${join(dir, 'tls')}, or give another --data-dir` },
    );
  }
  const begun = (await doors.disk.stat('bootstrap', join(dir, 'token'))) !== undefined;
  const written = await writeFiles(doors.disk, dir, data.files);
  // A server that ran before has lost them.
  if (begun && written.length > 0)
    doors.log.warn(
      'files of the cluster were missing or damaged here, and are restored from the datastore',
      { dir, files: written },
    );
  return written;
}

/**
 * Makes this server one of those that share the datastore: the first writes what it has, every
 * other takes it over.
 */
export async function shareBootstrap(
  store: Store,
  options: { config: ServerConfig; doors: Doors; passwords: JoinPasswords },
): Promise<void> {
  const { config, doors, passwords } = options;
  const dir = join(config.dataDir, 'server');
  await tokenNow(store, { dir, doors, passwords });
  const password = passwords.server;
  let made = false;
  for (;;) {
    const found = await readBootstrap(store, password);
    if (found) {
      // What was made a moment ago and lost the race is nobody's yet.
      if (made) await writeFiles(doors.disk, dir, found.data.files);
      await adoptBootstrap(config, doors, found.data);
      return;
    }
    made = (await doors.disk.stat('bootstrap', join(dir, 'tls/server-ca.crt'))) === undefined;
    await loadOrCreateAuthorities({ ...doors, dir: join(dir, 'tls') });
    if (
      await writeBootstrap(store, {
        password,
        data: await ownBootstrap(config, doors),
        modRevision: 0,
        random: doors.random,
      })
    )
      return;
  }
}
