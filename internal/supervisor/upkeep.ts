import { join } from 'node:path';
import { localZoneName, parseCron } from '../api/cron/cron.ts';
import type { ServerConfig } from './config.ts';
import type { Datastore } from './datastore.ts';
import type { Doors } from './doors.ts';
import type { NodeFacts } from './node-facts.ts';
import { serveOperator, type OperatorServices } from './operator-socket.ts';
import type { Part } from './running.ts';
import { resetFlag } from './reset.ts';
import { SecretsEncryption } from './secrets-encryption.ts';
import { listSnapshots } from './snapshots/folder.ts';
import { startSchedule } from './snapshots/schedule.ts';
import { Snapshots } from './snapshots/snapshots.ts';

export interface UpkeepOptions {
  config: ServerConfig;
  doors: Doors;
  facts: NodeFacts;
  datastore: Datastore;
  about: OperatorServices['about'];
  rotateToken: OperatorServices['rotateToken'];
  credentials: OperatorServices['credentials'];
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
  rotateToken,
  credentials,
}: UpkeepOptions): Promise<Part> {
  const log = doors.log.named('upkeep');
  // A start without --cluster-reset: it may be asked for again.
  await doors.disk.remove('reset', resetFlag(config.dataDir));
  const secrets = new SecretsEncryption({
    keeper: datastore.keys.keeper,
    values: datastore.encryption,
    random: doors.random,
    log,
  });
  await secrets.start();
  const snapshotDir = snapshotDirOf(config);
  const { snapshots: engine } = datastore;
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
    tokenFile: join(config.dataDir, 'server/token'),
    rotateToken,
    credentials,
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
