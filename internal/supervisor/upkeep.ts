import { join } from 'node:path';
import { localZoneName, parseCron } from '../api/cron/cron.ts';
import { EncryptedStore } from '../store/encrypted-store.ts';
import { secretPrefixes, type KeyState } from '../store/key-ring.ts';
import { LogStore } from '../store/log-store.ts';
import { prefixEnd, type Store } from '../store/store.ts';
import type { ServerConfig } from './config.ts';
import type { Datastore } from './datastore.ts';
import type { Doors } from './doors.ts';
import type { NodeFacts } from './node-facts.ts';
import { serveOperator, type OperatorServices } from './operator-socket.ts';
import type { Part } from './running.ts';
import { resetFlag } from './reset.ts';
import { SecretsEncryption, type EncryptedValues } from './secrets-encryption.ts';
import { etcdEngine, fileEngine } from './snapshots/engines.ts';
import { listSnapshots } from './snapshots/folder.ts';
import { startSchedule } from './snapshots/schedule.ts';
import { Snapshots, type SnapshotEngine } from './snapshots/snapshots.ts';

export interface UpkeepOptions {
  config: ServerConfig;
  doors: Doors;
  facts: NodeFacts;
  datastore: Datastore;
  about: OperatorServices['about'];
}

export const snapshotDirOf = (config: Pick<ServerConfig, 'dataDir' | 'snapshots'>): string =>
  config.snapshots.dir ?? join(config.dataDir, 'server/db/snapshots');

/**
 * What an operator may ask of the running server's store, and what it does for itself: snapshots
 * and encryption keys.
 */
export async function startUpkeep({
  config,
  doors,
  facts,
  datastore,
  about,
}: UpkeepOptions): Promise<Part> {
  const log = doors.log.named('upkeep');
  // A start without --cluster-reset: it may be asked for again.
  await doors.disk.remove('reset', resetFlag(config.dataDir));
  const secrets = new SecretsEncryption({
    keeper: datastore.keys.keeper,
    values: valuesOf(datastore.store),
    random: doors.random,
    log,
  });
  await secrets.start();
  const snapshotDir = snapshotDirOf(config);
  const engine = engineOf(datastore, doors);
  const snapshots = engine && new Snapshots({ engine, node: facts.name, ...doors, log });
  await snapshots?.sweep(snapshotDir);
  const stopSchedule =
    snapshots && (await scheduled(config, doors, { snapshots, snapshotDir, node: facts.name }));
  const operator = await serveOperator(config.dataDir, {
    node: facts.name,
    about,
    snapshots,
    snapshotDir,
    secrets,
  });
  return {
    name: 'upkeep',
    async stop() {
      stopSchedule?.();
      await operator.close();
    },
  };
}

async function scheduled(
  config: ServerConfig,
  { clock, disk, log }: Doors,
  of: { snapshots: Snapshots; snapshotDir: string; node: string },
): Promise<(() => void) | undefined> {
  const { schedule, prefix, compress, retention } = config.snapshots;
  if (schedule === undefined) return undefined;
  const { snapshots, snapshotDir: dir, node } = of;
  return await startSchedule({
    // As cron reads it: by the time of the machine's place.
    schedule: parseCron(schedule, localZoneName()),
    clock,
    log,
    newestMs: async () =>
      (await listSnapshots(disk, dir)).find((file) => file.name.startsWith(`${prefix}-${node}-`))
        ?.createdMs,
    async take() {
      const taken = await snapshots.saveIfChanged({ prefix, dir, compress, retention });
      if (taken === undefined) log.debug('no snapshot: nothing has changed since the last one');
    },
  });
}

function engineOf(datastore: Datastore, { disk }: Doors): SnapshotEngine | undefined {
  if (datastore.kind === 'etcd') return etcdEngine(datastore.etcd, disk);
  return datastore.store instanceof LogStore ? fileEngine(datastore.store) : undefined;
}

/** How the store's values are encrypted anew and counted. */
function valuesOf(store: Store): EncryptedValues {
  if (store instanceof EncryptedStore)
    return {
      encrypt: (encryption, progress) => store.encrypt(encryption, progress),
      keyCensus: () => store.keyCensus(),
    };
  if (!(store instanceof LogStore))
    throw new TypeError('a store of a kind that nobody can encrypt');
  return {
    encrypt: (encryption, progress) => store.encrypt(encryption, progress),
    keyCensus: (state) => logCensus(store, state),
  };
}

/**
 * In a log all values are under the active key once a change is finished: that is what finishing
 * means. "skiff datastore check" looks.
 */
async function logCensus(
  store: LogStore,
  state: KeyState | undefined,
): Promise<{ plain: number; keys: [number, number][] } | undefined> {
  if (state?.unfinished !== undefined) return undefined;
  let values = 0;
  for (const prefix of state?.prefixes ?? secretPrefixes)
    values += (await store.range({ key: prefix, end: prefixEnd(prefix), countOnly: true })).count;
  const active = state?.enabled ? state.keys[0] : undefined;
  return active === undefined
    ? { plain: values, keys: [] }
    : { plain: 0, keys: [[active.id, values]] };
}
