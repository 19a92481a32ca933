import { join, resolve } from 'node:path';
import { ConfigError } from '../../base/errors.ts';
import { buildInfo } from '../../io/assets.ts';
import { sealArchive, type Seal } from '../../io/sealed-archive.ts';
import { runOk } from '../../io/spawn.ts';
import type { ServerConfig } from '../config.ts';
import type { Doors } from '../doors.ts';
import { localStorageDir } from '../local-storage.ts';
import { nodeFacts } from '../node-facts.ts';
import {
  attributeFlags,
  configFolder,
  madeAnew,
  manifestFile,
  nodeFiles,
  notOfServer,
  snapshotFile,
  volumesFolder,
  type Manifest,
} from './contents.ts';

const op = 'capsule';

export interface SaveOptions {
  config: ServerConfig;
  doors: Doors;
  file: string;
  seal: Seal;
  /** Whether local volumes go in. */
  volumes: boolean;
  /** The process of the server, where it runs. */
  pid: number | undefined;
  /** Writes a snapshot of the datastore, not packed, into a folder; returns its path. */
  snapshot(dir: string): Promise<string>;
}

/**
 * Puts all that makes this server what it is into one sealed file; returns what it says of itself.
 */
export async function saveCapsule(options: SaveOptions): Promise<Manifest> {
  const { config, doors, seal } = options;
  const { disk } = doors;
  const file = resolve(options.file);
  const server = join(config.dataDir, 'server');
  if (!(await disk.stat(op, join(server, 'tls'))))
    throw new ConfigError(`there is no server in ${config.dataDir}`, {
      op,
      hint: 'is --data-dir right?',
    });
  if (await disk.stat(op, file))
    throw new ConfigError(`${file} exists already`, { op, hint: 'give another name' });
  // Where secrets are in the clear anyway, and not on the medium that leaves the house.
  const work = join(server, 'capsule.saving');
  await disk.remove(op, work);
  // What a save left that was cut off.
  await disk.remove(op, `${file}.part`);
  await disk.makeDir(op, work, 0o700);
  try {
    const taken = await options.snapshot(work);
    await runOk(doors.spawn, op, ['mv', '--', taken, join(work, snapshotFile)]);
    await gatherConfig(options, join(work, configFolder));
    const manifest = await manifestOf(options);
    await disk.writeAtomic(op, join(work, manifestFile), JSON.stringify(manifest), { mode: 0o600 });
    const members = [manifestFile, snapshotFile, configFolder];
    if (manifest.volumes !== undefined) {
      await runOk(doors.spawn, op, ['ln', '-s', manifest.volumes, join(work, volumesFolder)]);
      // The folder behind the link, not the link.
      members.push(`${volumesFolder}/.`);
    }
    const kept = await present(options, [
      ...(await disk.list(op, server))
        .filter((name) => !notOfServer.has(name))
        .map((name) => `server/${name}`),
      ...nodeFiles,
    ]);
    const attributes = await attributeFlags(doors);
    await sealArchive(op, {
      tar: [...attributes, '-C', work, ...members, '-C', config.dataDir, ...kept],
      to: file,
      seal,
    });
    return manifest;
  } finally {
    await disk.remove(op, work);
  }
}

/** Those of these paths below the data directory that are files or folders. */
async function present({ config, doors }: SaveOptions, paths: string[]): Promise<string[]> {
  const kept: string[] = [];
  for (const path of paths) {
    const kind = (await doors.disk.stat(op, join(config.dataDir, path)))?.kind;
    if (kind === 'file' || kind === 'dir') kept.push(path);
  }
  return kept;
}

async function gatherConfig({ config, doors }: SaveOptions, into: string): Promise<void> {
  const { disk, spawn } = doors;
  await disk.makeDir(op, into, 0o700);
  for (const name of await disk.list(op, config.configDir))
    if (!madeAnew.has(name))
      await runOk(spawn, op, ['cp', '-aL', '--', join(config.configDir, name), into]);
}

async function manifestOf({ config, doors, volumes, pid }: SaveOptions): Promise<Manifest> {
  const facts = await nodeFacts(config, doors);
  const path = localStorageDir(config);
  const there = volumes && (await doors.disk.stat(op, path)) !== undefined;
  return {
    format: 1,
    version: buildInfo().version,
    savedMs: doors.clock.now(),
    node: facts.name,
    addresses: [...new Set([...facts.ips, ...facts.externalIps])],
    args: pid === undefined ? [] : await argsOf(doors, pid),
    ...(there && { volumes: path }),
  };
}

/** The words behind `server` of a running one. */
async function argsOf({ processes }: Doors, pid: number): Promise<string[]> {
  const command = (await processes.list(op)).find((one) => one.pid === pid)?.command ?? [];
  const at = command.indexOf('server');
  return at < 0 ? [] : command.slice(at + 1);
}
