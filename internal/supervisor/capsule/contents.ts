import { join } from 'node:path';
import { ConfigError } from '../../base/errors.ts';
import type { Disk } from '../../io/disk.ts';
import type { Doors } from '../doors.ts';

const op = 'capsule';

/** Names of what is in a capsule, at its top. */
export const manifestFile = 'capsule.json';
export const snapshotFile = 'snapshot';
export const configFolder = 'config';
export const volumesFolder = 'volumes';

/** Below the data directory, beside `server/`; what is not there is left out. */
export const nodeFiles = ['agent/node-name', 'agent/node-id', 'agent/pod-manifests', 'last-time'];
/** In `server/` and yet not of the server: the snapshot stands for the first. */
export const notOfServer = new Set(['db', 'capsule.saving']);
/** In the configuration folder, and made again by installer and server of the new machine. */
export const madeAnew = new Set([
  'skiff.yaml',
  'install.args',
  'install.command',
  'skiff.env',
  'skiff-agent.env',
]);

/** Where a capsule is unpacked. */
export const loadingDir = (dataDir: string): string => join(dataDir, 'capsule.loading');
/** In that folder: all of it is there, and the load is to be finished. */
export const marker = 'unpacked';

/** A server that starts half-way through a load would make a new cluster. */
export async function refuseHalfLoaded(
  { dataDir }: { dataDir: string },
  { disk }: Pick<Doors, 'disk'>,
): Promise<void> {
  if (await disk.stat(op, join(loadingDir(dataDir), marker)))
    throw new ConfigError('a capsule was being loaded when this machine stopped', {
      op,
      hint: 'finish it first: "skiff capsule load FILE", as before',
    });
}

/** Extended attributes and access lists, where tar knows of them: busybox's does not. */
export async function attributeFlags({ spawn }: Pick<Doors, 'spawn'>): Promise<string[]> {
  const { stdout } = await spawn.run(op, ['tar', '--version']);
  return stdout.includes('GNU tar') ? ['--xattrs', '--acls'] : [];
}

/** What a capsule says of itself. */
export interface Manifest {
  format: 1;
  /** Of the skiff that saved it. */
  version: string;
  /** When, in milliseconds since 1970. */
  savedMs: number;
  /** The node's name. */
  node: string;
  /** Addresses that the server had. */
  addresses: string[];
  /** What the server was started with, where it ran. */
  args: string[];
  /** Where the local volumes belong, if they are in it: an absolute path. */
  volumes?: string;
}

/** Reads the manifest of an unpacked capsule. The seal vouches for it, not for its age. */
export async function readManifest(disk: Disk, dir: string): Promise<Manifest> {
  const text = (await disk.readIfThere(op, join(dir, manifestFile)))?.toString();
  if (text === undefined) throw new ConfigError('this is a sealed archive, and no capsule', { op });
  const found = JSON.parse(text) as Partial<Record<keyof Manifest, unknown>>;
  if (found.format !== 1)
    throw new ConfigError(
      `the capsule is of format ${String(found.format)}, and this skiff reads 1`,
      { op, hint: `it was saved by skiff ${String(found.version)}: install that, or a later one` },
    );
  const words = (value: unknown): string[] =>
    Array.isArray(value) ? value.filter((one) => typeof one === 'string') : [];
  return {
    format: 1,
    version: String(found.version),
    savedMs: Number(found.savedMs),
    node: String(found.node),
    addresses: words(found.addresses),
    args: words(found.args),
    ...(typeof found.volumes === 'string' && { volumes: found.volumes }),
  };
}
