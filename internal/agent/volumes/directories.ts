import { table } from '../../base/own.ts';
import type {
  EmptyDirVolumeSource,
  HostPathVolumeSource,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  Volume,
} from '../../api/generated/types/core-v1.ts';
import { quantityOf } from '../../api/quantity.ts';
import type { Client } from '../../client/client.ts';
import { refs } from '../../client/refs.ts';
import type { Disk, FileStat } from '../../io/disk.ts';
import type { Mounts } from '../../io/mounts.ts';
import type { Tree } from '../../io/tree.ts';
import { giveToGroup } from './ownership.ts';

export interface DirectoryDoors {
  disk: Disk;
  tree: Tree;
  mounts: Mounts;
}

const op = 'volume.directory';
const emptyDirMode = 0o777;

/** An empty folder, or an empty file system in memory; kept as it is when it stands already. */
export async function setUpEmptyDir(
  dir: string,
  source: EmptyDirVolumeSource,
  pod: Pod,
  doors: DirectoryDoors,
): Promise<void> {
  const { disk, tree, mounts } = doors;
  await disk.makeDir(op, dir, 0o750);
  const medium = source.medium ?? '';
  if (medium !== '' && (await mounts.below(op, dir)).length === 0)
    await mountMedium(dir, medium, { source, pod, mounts });
  const stat = await disk.stat(op, dir);
  const group = pod.spec.securityContext?.fsGroup;
  if (stat && (stat.mode & emptyDirMode) !== emptyDirMode) await tree.chmod(op, dir, emptyDirMode);
  if (group !== undefined)
    await giveToGroup(dir, group, { disk, tree, readOnly: false, onRootMismatch: true });
}

async function mountMedium(
  dir: string,
  medium: string,
  how: { source: EmptyDirVolumeSource; pod: Pod; mounts: Mounts },
): Promise<void> {
  if (medium === 'Memory') {
    const size = memorySize(how.source, how.pod);
    await how.mounts.create(op, 'tmpfs', dir, size > 0n ? [`size=${size}`] : ['rw']);
  } else if (medium.startsWith('HugePages')) {
    const page = medium.slice('HugePages-'.length);
    await how.mounts.create(
      op,
      'hugetlbfs',
      dir,
      page ? [`pagesize=${page.replace(/i$/, '')}`] : ['rw'],
    );
  } else {
    throw new Error(`unknown storage medium ${JSON.stringify(medium)}`);
  }
}

/**
 * The smaller of the volume's limit and what the pod's containers may use together; 0 = no limit.
 */
function memorySize(source: EmptyDirVolumeSource, pod: Pod): bigint {
  const own = quantityOf(source.sizeLimit).value();
  let ofPod = 0n;
  for (const container of pod.spec.containers) {
    const limit = quantityOf(container.resources?.limits?.['memory']).value();
    if (limit === 0n) return own;
    ofPod += limit;
  }
  return own > 0n && own < ofPod ? own : ofPod;
}

const kindChecks: Record<string, { kind: FileStat['kind']; what: string }> = table({
  Directory: { kind: 'dir', what: 'a directory' },
  DirectoryOrCreate: { kind: 'dir', what: 'a directory' },
  File: { kind: 'file', what: 'a file' },
  FileOrCreate: { kind: 'file', what: 'a file' },
  Socket: { kind: 'socket', what: 'a socket file' },
  CharDevice: { kind: 'char', what: 'a character device' },
  BlockDevice: { kind: 'block', what: 'a block device' },
});

/**
 * Checks that a path of the host is what the pod thinks it is, and makes it where the pod says so.
 */
export async function checkHostPath(
  source: HostPathVolumeSource,
  { disk, tree }: DirectoryDoors,
): Promise<string> {
  const { path, type = '' } = source;
  if (type === '') return path;
  const check = kindChecks[type];
  if (!check) throw new Error(`unknown hostPath type ${type}`);
  const stat = await tree.statTarget(op, path);
  if (!stat && type === 'DirectoryOrCreate') await disk.makeDir(op, path, 0o755);
  else if (!stat && type === 'FileOrCreate') await tree.makeFile(op, path, 0o644);
  else if (stat?.kind !== check.kind)
    throw new Error(`hostPath type check failed: ${path} is not ${check.what}`);
  return path;
}

export interface ClaimedVolume {
  path: string;
  readOnly: boolean;
  /** Its files may be given to the pod's group. */
  manage: boolean;
  /** The PersistentVolume, when one pod alone may use it. */
  alone: string | undefined;
}

/**
 * The folder behind a claim that is bound to a hostPath or local volume. `manage` says whether
 * fsGroup may change it.
 */
export async function claimedPath(
  pod: Pod,
  volume: Volume,
  client: Client,
  doors: DirectoryDoors,
): Promise<ClaimedVolume> {
  const namespace = pod.metadata.namespace ?? '';
  const name =
    volume.persistentVolumeClaim?.claimName ?? `${pod.metadata.name ?? ''}-${volume.name}`;
  const claim = await client.get<PersistentVolumeClaim>(refs.persistentVolumeClaims, {
    namespace,
    name,
  });
  // Somebody else may have made a claim of the name that an ephemeral volume's own has.
  const owned = (claim.metadata.ownerReferences ?? []).some(
    (owner) => owner.controller === true && owner.uid === pod.metadata.uid,
  );
  if (volume.ephemeral && !owned)
    throw new Error(
      `PVC ${namespace}/${name} was not created for pod ${namespace}/${pod.metadata.name} ` +
        '(pod is not owner)',
    );
  const volumeName = claim.spec.volumeName;
  if (claim.status?.phase !== 'Bound' || !volumeName)
    throw new Error(`error processing PVC ${namespace}/${name}: PVC is not bound`);
  const bound = await client.get<PersistentVolume>(refs.persistentVolumes, { name: volumeName });
  if (bound.spec.volumeMode === 'Block') throw new Error('no block volume plugin matched');
  const readOnly = volume.persistentVolumeClaim?.readOnly ?? false;
  // Of several modes nobody knows which one the pod means (kubelet's operation_generator.go).
  const { accessModes = [] } = bound.spec;
  const alone =
    accessModes.length === 1 && accessModes[0] === 'ReadWriteOncePod' ? volumeName : undefined;
  if (bound.spec.hostPath)
    return {
      path: await checkHostPath(bound.spec.hostPath, doors),
      readOnly,
      manage: false,
      alone,
    };
  if (bound.spec.local) {
    const { path } = bound.spec.local;
    if (!(await doors.tree.statTarget(op, path)))
      throw new Error(`path ${JSON.stringify(path)} does not exist`);
    return { path, readOnly, manage: true, alone };
  }
  throw new Error('no volume plugin matched');
}
