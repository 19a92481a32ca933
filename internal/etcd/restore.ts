import { basename, dirname, join } from 'node:path';
import { ConfigError, IoError } from '../base/errors.ts';
import type { Disk } from '../io/disk.ts';
import { renamePath } from '../io/file-writer.ts';
import type { Spawn } from '../io/spawn.ts';
import { bumpRevision } from './bump-revision.ts';
import { verifyDigest } from './client/snapshot.ts';

const op = 'restore';
/**
 * A restored etcd starts so much later: clients may hold any revision that the lost one handed out.
 */
const restoreRevisionStep = 1_000_000_000;
const digestBytes = 32;
const restoreTimeoutMs = 30 * 60_000;
/** Newer packages moved the command to a program of its own. */
const tools = ['etcdutl', 'etcdctl'];

export interface MemberRestore {
  /** A file that ends with its SHA-256, as etcd and its tools write it. */
  snapshot: string;
  /** Folder of the member; what it holds is laid aside. */
  dir: string;
  name: string;
  peerUrl: string;
  /** Tells what is laid aside from earlier ones. */
  stamp: number;
  disk: Disk;
  spawn: Spawn;
}

/**
 * Makes a new cluster of one member from a snapshot, in the place of the member in `dir`, which
 * must not run.
 */
export async function restoreMember(
  options: MemberRestore,
): Promise<{ kept: string | undefined; revision: number }> {
  const { snapshot, dir, disk, stamp } = options;
  await verifyDigest(snapshot);
  const bytes = await disk.read(op, snapshot);
  const { file, revision } = bumpRevision(
    bytes.subarray(0, bytes.length - digestBytes),
    restoreRevisionStep,
  );
  for (const left of await leftovers(options)) await disk.remove(op, left);
  const data = `${dir}-restore-${stamp}.db`;
  const fresh = `${dir}-restore-${stamp}`;
  try {
    await disk.writeAtomic(op, data, file, { mode: 0o600 });
    await disk.remove(op, fresh);
    await runTool(options, data, fresh);
  } finally {
    await disk.remove(op, data);
  }
  let kept: string | undefined;
  if (await disk.stat(op, join(dir, 'member'))) {
    kept = `${dir}-old-${stamp}`;
    await renamePath(op, dir, kept);
  }
  await disk.remove(op, dir);
  await renamePath(op, fresh, dir);
  return { kept, revision };
}

/**
 * Throws when a power cut came between the old data and the new: an etcd that started now would be
 * an empty one.
 */
export async function checkNotCutOff(options: Pick<MemberRestore, 'dir' | 'disk'>): Promise<void> {
  if (
    (await leftovers(options)).length === 0 ||
    (await options.disk.stat(op, join(options.dir, 'member')))
  )
    return;
  throw new ConfigError('a restore of the etcd was cut off', {
    op,
    hint:
      'run it again (--cluster-reset --cluster-reset-restore-path); the data before is in ' +
      `${options.dir}-old-*`,
  });
}

async function leftovers({ dir, disk }: Pick<MemberRestore, 'dir' | 'disk'>): Promise<string[]> {
  const start = `${basename(dir)}-restore-`;
  return (await disk.list(op, dirname(dir)))
    .filter((name) => name.startsWith(start))
    .map((name) => join(dirname(dir), name));
}

async function runTool(
  { name, peerUrl, spawn }: MemberRestore,
  data: string,
  fresh: string,
): Promise<void> {
  const args = [
    'snapshot',
    'restore',
    data,
    '--skip-hash-check',
    '--data-dir',
    fresh,
    '--name',
    name,
    '--initial-cluster',
    `${name}=${peerUrl}`,
    '--initial-cluster-token',
    'skiff',
    '--initial-advertise-peer-urls',
    peerUrl,
  ];
  for (const tool of tools) {
    try {
      const { code, stderr } = await spawn.run(op, [tool, ...args], {
        env: { ETCDCTL_API: '3' },
        timeoutMs: restoreTimeoutMs,
      });
      if (code === 0) return;
      throw new IoError(`${tool} could not restore the snapshot: ${lastLine(stderr)}`, {
        op,
        hint: 'nothing was changed; take another snapshot',
      });
    } catch (error) {
      if (!(error instanceof IoError) || error.code !== 'ENOENT') throw error;
    }
  }
  throw new ConfigError(`there is neither ${tools.join(' nor ')} on this machine`, {
    op,
    hint: 'install the package etcd-client',
  });
}

const lastLine = (text: string): string => text.trim().split('\n').at(-1)?.slice(0, 300) ?? '';
