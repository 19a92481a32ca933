import { refs } from '../../api/generated/refs.ts';
import { registryKey } from '../../api/registry-key.ts';
import { createHash } from 'node:crypto';
import { basename, dirname, join } from 'node:path';
import { builtinScheme } from '../../api/scheme.ts';
import { ConfigError } from '../../base/errors.ts';
import { renamePath } from '../../io/file-writer.ts';
import { fileName } from '../../store/sqlite/schema.ts';
import {
  readForeign,
  writeForeign,
  type ForeignValues,
} from '../../store/sqlite/foreign-values.ts';
import { encryptionOf, fileKeeper, loadOrCreateKeys } from '../../store/key-ring.ts';
import { sharedKeyFile } from '../datastore-keys.ts';
import type { Doors } from '../doors.ts';
import { Ledger, ledgerPath } from '../ledger.ts';
import { claimPidFile } from '../running.ts';
import { findFiles, type FilePair, type K3sFiles } from './k3s-files.ts';
import { judgeValues, providerKeys, type Judged } from './k3s-values.ts';

const op = 'migrate';

export interface MigrateOptions {
  /** k3s' data directory. */
  from: string;
  /**
   * Its datastore, when not the one below `from`: a snapshot of an etcd, or an SQLite file of kine.
   */
  datastore: string | undefined;
  dataDir: string;
  runDir: string;
  dryRun: boolean;
  /** Files of configuration to write where there are none: path -> text. */
  configFiles: Map<string, string>;
  doors: Doors;
}

/** What was made, for the way back. */
interface Note {
  from: string;
  server: string;
  agent: string[];
  files: { path: string; sha256: string }[];
}

const notePath = (dataDir: string): string => join(dataDir, 'migration.json');

/**
 * Brings a server of k3s over, or with `dryRun` says what would be done. Returns lines for the
 * operator.
 */
export async function migrateFromK3s(options: MigrateOptions): Promise<string[]> {
  const { doors, from, dataDir, dryRun } = options;
  const { disk } = doors;
  if (!(await disk.stat(op, join(from, 'server'))))
    throw new ConfigError(`there is no server of k3s in ${from}`, {
      op,
      hint: 'say --from, or run it on a server; agents join again',
    });
  const running = await isRunning(doors);
  if (running !== undefined && !dryRun)
    throw new ConfigError(`k3s is running (process ${running})`, {
      op,
      hint: 'stop it first: systemctl stop k3s, then k3s-killall.sh',
    });
  if ((await disk.list(op, join(dataDir, 'server'))).length > 0)
    throw new ConfigError(`there is a server of skiff in ${dataDir} already`, {
      op,
      hint: 'give an empty --data-dir, or take it away with "skiff uninstall"',
    });
  const isNew = (await disk.stat(op, dataDir)) === undefined;
  const staging = join(dataDir, 'server.migrating');
  await disk.remove(op, staging);
  let done = false;
  await disk.makeDir(op, join(staging, 'db'), 0o700);
  try {
    const found = await readForeign(await copyOfDatastore(options, staging));
    const keys = providerKeys(
      (await disk.readIfThere(op, join(from, 'server/cred/encryption-config.json')))?.toString(),
    );
    const judged = judgeValues(found.values, { scheme: builtinScheme(), keys });
    const files = await findFiles(disk, from);
    const report = [
      ...(running === undefined ? [] : ['k3s is running: the figures are of this moment']),
      ...reportOf(options, { found, judged, files }),
    ];
    if (dryRun) return [...report, 'nothing was changed'];
    await carryOut(options, { found, judged, files, staging });
    done = true;
    return [...report, ...nextSteps(options, files)];
  } finally {
    await disk.remove(op, isNew && !done ? dataDir : staging);
  }
}

async function isRunning({ processes }: Doors): Promise<number | undefined> {
  return (await processes.list(op)).find(
    ({ command }) =>
      basename(command[0] ?? '') === 'k3s' && /^(server|agent)$/.test(command[1] ?? ''),
  )?.pid;
}

/** SQLite plays a write-ahead log into the file it opens, so it is given a copy. */
async function copyOfDatastore(
  { from, datastore, doors }: MigrateOptions,
  staging: string,
): Promise<string> {
  const { disk } = doors;
  const db = join(from, 'server/db');
  const candidates =
    datastore === undefined ? [join(db, 'state.db'), join(db, 'etcd/member/snap/db')] : [datastore];
  for (const path of candidates) {
    if (!(await disk.stat(op, path))) continue;
    const copy = join(staging, 'db/k3s.db');
    for (const suffix of ['', '-wal'])
      if (await disk.stat(op, path + suffix)) await copyFile(doors, path + suffix, copy + suffix);
    return copy;
  }
  throw new ConfigError(
    datastore === undefined
      ? `there is no datastore below ${db}: k3s keeps it elsewhere`
      : `${datastore}: no such file`,
    { op, hint: 'give a snapshot of its etcd, or a copy of its SQLite file, with --datastore' },
  );
}

async function copyFile({ disk, spawn }: Doors, from: string, to: string): Promise<void> {
  await disk.makeDir(op, dirname(to), 0o700);
  const { code, stderr } = await spawn.run(op, ['cp', '-aL', '--reflink=auto', '--', from, to]);
  if (code !== 0)
    throw new ConfigError(`${from} could not be copied: ${stderr.trim().split('\n')[0]}`, {
      op,
      hint: 'nothing was changed; is there room?',
    });
}

interface Work {
  found: ForeignValues;
  judged: Judged;
  files: K3sFiles;
}

async function carryOut(
  options: MigrateOptions,
  { found, judged, files, staging }: Work & { staging: string },
): Promise<void> {
  const { dataDir, doors, runDir } = options;
  const { disk } = doors;
  await disk.makeDir(op, runDir, 0o711);
  const pidFile = join(runDir, 'skiff.pid');
  await claimPidFile(doors, pidFile);
  try {
    for (const suffix of ['', '-wal', '-shm'])
      await disk.remove(op, join(staging, `db/k3s.db${suffix}`));
    for (const { from, to } of files.server) await copyFile(doors, from, join(staging, to));
    // Values that k3s encrypted are encrypted again, with keys of skiff's own.
    await disk.makeDir(op, join(staging, 'cred'), 0o700);
    const encryption = judged.encrypted
      ? encryptionOf(
          await loadOrCreateKeys(
            fileKeeper({ disk, path: join(staging, sharedKeyFile) }),
            doors.random,
          ),
        )
      : undefined;
    await writeForeign({
      target: join(staging, 'db', fileName),
      revision: found.revision,
      values: judged.kept,
      clock: doors.clock,
      encryption,
    });
    const missing = await absent(options, files);
    await writeNote(options, missing);
    const ledger = await Ledger.open(disk, ledgerPath(dataDir));
    for (const [path, text] of missing.config) {
      await ledger.record('file', path);
      await disk.makeDir(op, dirname(path), 0o755);
      await disk.writeAtomic(op, path, text, { mode: 0o600 });
    }
    for (const { from, to } of missing.agent)
      await copyFile(doors, from, join(dataDir, 'agent', to));
    await renamePath(op, staging, join(dataDir, 'server'));
  } finally {
    await disk.remove(op, pidFile);
  }
}

interface Missing {
  config: [string, string][];
  agent: FilePair[];
}

/** Only what is not there is made; what the operator put there stays. */
async function absent(
  { dataDir, doors, configFiles }: MigrateOptions,
  files: K3sFiles,
): Promise<Missing> {
  const there = async (path: string): Promise<boolean> =>
    (await doors.disk.stat(op, path)) !== undefined;
  const missing: Missing = { config: [], agent: [] };
  for (const one of configFiles) if (!(await there(one[0]))) missing.config.push(one);
  for (const one of files.agent)
    if (!(await there(join(dataDir, 'agent', one.to)))) missing.agent.push(one);
  return missing;
}

const digest = (text: string | Uint8Array): string =>
  createHash('sha256').update(text).digest('hex');

async function writeNote(
  { dataDir, from, doors }: MigrateOptions,
  { config, agent }: Missing,
): Promise<void> {
  const note: Note = {
    from,
    server: join(dataDir, 'server'),
    agent: agent.map(({ to }) => join(dataDir, 'agent', to)),
    files: config.map(([path, text]) => ({ path, sha256: digest(text) })),
  };
  await doors.disk.writeAtomic(op, notePath(dataDir), JSON.stringify(note), {
    mode: 0o600,
    durable: true,
  });
}

function reportOf(
  { from, configFiles, dataDir }: MigrateOptions,
  { found, judged, files }: Work,
): string[] {
  const counts = new Map<string, number>();
  for (const { what } of [...files.server, ...files.agent])
    counts.set(what, (counts.get(what) ?? 0) + 1);
  return [
    `from ${from} (${found.kind === 'kine' ? 'SQLite' : 'etcd'}, revision ${found.revision}) ` +
      `to ${dataDir}`,
    'objects: ' +
      `${judged.kept.length}` +
      `${judged.encrypted ? ', some of them encrypted: they will be again' : ''}`,
    ...[...judged.left].map(
      ([why, keys]) =>
        `left behind: ${keys.length}, because ${why}: ` +
        `${keys.slice(0, 3).join(', ')}${keys.length > 3 ? ', ...' : ''}`,
    ),
    ...[...counts].map(([what, count]) => `${what}: ${count}`),
    ...(judged.kept.some(
      ({ key }) => key === registryKey(refs.configMaps, 'kube-system', 'coredns-custom'),
    )
      ? ['note: the ConfigMap coredns-custom has no effect: the cluster DNS is inside']
      : []),
    ...[...configFiles.keys()].map((path) => `configuration: ${path}, unless there is one`),
    ...files.volumes.map((path) => `volume, used where it is: ${path}`),
  ];
}

function nextSteps({ from }: MigrateOptions, { volumes }: K3sFiles): string[] {
  return [
    'done. Next: keep k3s from starting (systemctl disable k3s), then start skiff ' +
      '(./install.sh, or skiff server)',
    'k3s is as it was: "skiff migrate undo" and starting k3s leads ' +
      'back' +
      (volumes.length > 0
        ? `; its volumes are in use, so k3s-uninstall.sh and removing ${from} would destroy data`
        : ''),
  ];
}

/** Lays aside what a migration made. k3s was never changed, and can be started again. */
export async function undoMigration(options: {
  dataDir: string;
  runDir: string;
  doors: Doors;
}): Promise<string[]> {
  const { dataDir, runDir, doors } = options;
  const { disk, clock } = doors;
  const text = (await disk.readIfThere(op, notePath(dataDir)))?.toString();
  if (text === undefined)
    throw new ConfigError(`there is no migration to undo in ${dataDir}`, { op });
  const note = JSON.parse(text) as Note;
  await disk.makeDir(op, runDir, 0o711);
  const pidFile = join(runDir, 'skiff.pid');
  await claimPidFile(doors, pidFile);
  try {
    const said: string[] = [];
    if (await disk.stat(op, note.server)) {
      const aside = `${note.server}.undone-${clock.now()}`;
      await renamePath(op, note.server, aside);
      said.push(`what skiff held is laid aside as ${aside}`);
    }
    for (const { path, sha256 } of note.files) {
      const now = await disk.readIfThere(op, path);
      if (!now) continue;
      if (digest(now) === sha256) await disk.remove(op, path);
      else said.push(`${path} was changed since and stays`);
    }
    for (const path of note.agent) await disk.remove(op, path);
    await disk.remove(op, notePath(dataDir));
    return [
      ...said,
      'undone; stop what containers still run with "skiff killall", then start k3s again ' +
        '(systemctl enable --now k3s)',
    ];
  } finally {
    await disk.remove(op, pidFile);
  }
}
