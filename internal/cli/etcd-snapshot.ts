import { join } from 'node:path';
import { inColumns } from './columns.ts';
import { timeOf } from '../api/times.ts';
import { ConfigError } from '../base/errors.ts';
import { realClock } from '../io/clock.ts';
import { realDisk } from '../io/disk.ts';
import { makeLog } from '../io/log.ts';
import { fileName } from '../store/sqlite/schema.ts';
import { snapshotStopped } from '../store/sqlite/upkeep.ts';
import { verifyFile } from '../store/sqlite/verify.ts';
import type { ServerConfig } from '../supervisor/config.ts';
import { realDoors } from '../supervisor/doors.ts';
import { nodeFacts } from '../supervisor/node-facts.ts';
import { askOperator } from '../supervisor/operator-socket.ts';
import {
  deleteSnapshots,
  listSnapshots,
  pruneSnapshots,
  type SnapshotFile,
} from '../supervisor/snapshots/folder.ts';
import { Snapshots } from '../supervisor/snapshots/snapshots.ts';
import { snapshotDirOf } from '../supervisor/upkeep.ts';
import { serverConfig } from './server-config.ts';
import { gatherSettings } from './settings.ts';
import { printJson } from './output.ts';

const op = 'etcd-snapshot';
/** k3s' name for snapshots on demand. */
const onDemand = 'on-demand';

/** What was said on the command line; the rest comes from where the server takes it. */
export interface SnapshotOptions {
  config?: string;
  dataDir?: string;
  nodeName?: string;
  etcdSnapshotDir?: string;
  dir?: string;
  etcdSnapshotName?: string;
  name?: string;
  etcdSnapshotRetention?: string;
  snapshotRetention?: string;
  etcdSnapshotCompress?: boolean;
  snapshotCompress?: boolean;
  output?: string;
  [s3: string]: unknown;
}

interface Place {
  config: ServerConfig;
  dir: string;
  node: string;
  prefix: string;
  running: boolean;
}

export async function saveSnapshot(options: SnapshotOptions): Promise<void> {
  const place = await placeOf(options);
  const { config, dir, node, prefix } = place;
  const request = {
    prefix,
    dir,
    compress: config.snapshots.compress,
    ...(retentionOf(options) === undefined ? {} : { retention: config.snapshots.retention }),
  };
  const file =
    (await askOperator(config.dataDir, 'POST /snapshots', request)) ??
    (await stopped(config, node).save(request));
  process.stdout.write(`Snapshot ${file.name} saved: ${file.path}, ${file.bytes} bytes\n`);
}

/** A snapshot that nobody lists, into a folder of its own; returns its path. */
export async function snapshotInto(
  config: ServerConfig,
  { dir, prefix }: { dir: string; prefix: string },
): Promise<string> {
  const request = { prefix, dir, compress: false };
  const file =
    (await askOperator(config.dataDir, 'POST /snapshots', request)) ??
    (await stopped(config, prefix).save(request));
  return file.path;
}

export async function listAll(options: SnapshotOptions): Promise<void> {
  const { dir, node } = await placeOf(options);
  const files = await listSnapshots(realDisk, dir);
  const { output } = options;
  if (output === 'json') return printJson(listObject(files, node));
  if (output === 'yaml')
    return void process.stdout.write((await import('js-yaml')).dump(listObject(files, node)));
  const rows = [
    ['Name', 'Location', 'Size', 'Created'],
    ...files.map((file) => [file.name, `file://${file.path}`, String(file.bytes), createdAt(file)]),
  ];
  process.stdout.write(inColumns(rows, ' '));
}

export async function deleteNamed(names: string[], options: SnapshotOptions): Promise<void> {
  const { dir } = await placeOf(options);
  await deleteSnapshots(realDisk, dir, names);
  for (const name of names) process.stdout.write(`Snapshot ${name} deleted.\n`);
}

export async function prune(options: SnapshotOptions): Promise<void> {
  const { config, dir, node, prefix } = await placeOf(options);
  const { retention } = config.snapshots;
  if (retention === 0)
    throw new ConfigError('--snapshot-retention is 0: all snapshots are kept', {
      op,
      hint: 'say how many are to stay',
    });
  const gone = await pruneSnapshots(realDisk, dir, { prefix, node, keep: retention });
  for (const { name } of gone) process.stdout.write(`Snapshot ${name} deleted.\n`);
  if (gone.length === 0)
    process.stdout.write(
      `no more than ${retention} snapshots named ${prefix}-${node}-* are in ${dir}\n`,
    );
}

/**
 * The settings of the server, with what was said here over them; where it runs, it knows its name
 * and folder best.
 */
async function placeOf(options: SnapshotOptions): Promise<Place> {
  const s3 = Object.keys(options).find((name) => /^(etcdS|s)3/.test(name));
  if (s3 !== undefined)
    throw new ConfigError('snapshots are not sent to S3', {
      op,
      hint: 'copy them from their folder, with a tool for your store',
    });
  const { config: file, dataDir, nodeName } = options;
  const told: [string, string | boolean | undefined][] = [
    ['config', file],
    ['data-dir', dataDir],
    ['node-name', nodeName],
    ['etcd-snapshot-dir', options.etcdSnapshotDir ?? options.dir],
    ['etcd-snapshot-retention', retentionOf(options)],
    ['etcd-snapshot-compress', options.etcdSnapshotCompress ?? options.snapshotCompress],
  ];
  const argv = told.flatMap(([name, value]) =>
    value === undefined ? [] : [`--${name}=${String(value)}`],
  );
  const config = serverConfig(
    await gatherSettings({
      command: 'server',
      argv,
      env: process.env,
      disk: realDisk,
      warn: () => undefined,
    }),
  );
  const about = await askOperator(config.dataDir, 'GET /about', undefined);
  const node = nodeName ?? about?.node ?? (await nodeFacts(config, realDoors(false))).name;
  const dir = options.etcdSnapshotDir ?? options.dir ?? about?.snapshotDir ?? snapshotDirOf(config);
  return {
    config,
    dir,
    node,
    prefix: options.etcdSnapshotName ?? options.name ?? onDemand,
    running: about !== undefined,
  };
}

const retentionOf = (options: SnapshotOptions): string | undefined =>
  options.etcdSnapshotRetention ?? options.snapshotRetention;

/** The file of a server that does not run can be copied all the same; an etcd has to run. */
function stopped(config: ServerConfig, node: string): Snapshots {
  const db = join(config.dataDir, 'server/db');
  const engine = {
    async copy(path: string) {
      if (await realDisk.stat(op, join(db, 'etcd/member')))
        throw new ConfigError('the server does not run, and its etcd with it', {
          op,
          hint: 'start it, and ask again',
        });
      if (!(await realDisk.stat(op, join(db, fileName))))
        throw new ConfigError(`${config.dataDir} holds no datastore, and no server runs with it`, {
          op,
          hint: 'is --data-dir right?',
        });
      await snapshotStopped(db, path);
    },
    verify: async (path: string) => void (await verifyFile({ path, prefixes: [] })),
  };
  return new Snapshots({
    engine,
    node,
    disk: realDisk,
    clock: realClock,
    log: makeLog({ level: 'warn' }),
  });
}

const createdAt = (file: SnapshotFile): string => timeOf(file.createdMs);

/** As k3s prints its ETCDSnapshotFile objects. */
function listObject(files: SnapshotFile[], node: string): object {
  const items = files.map((file) => ({
    metadata: { name: file.name, creationTimestamp: createdAt(file) },
    spec: {
      snapshotName: file.name,
      nodeName: file.name.includes(`-${node}-`) ? node : '',
      location: `file://${file.path}`,
    },
    status: { readyToUse: true, creationTime: createdAt(file), size: String(file.bytes) },
  }));
  return { apiVersion: 'k3s.cattle.io/v1', kind: 'ETCDSnapshotFileList', metadata: {}, items };
}
