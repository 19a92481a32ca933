import type { Container, Pod, VolumeMount } from '../../api/generated/types/core-v1.ts';
import { MountPropagation, type Device, type Mount } from '../../wire/cri/cri.ts';
import type { Disk } from '../../io/disk.ts';
import type { FilesystemRoom } from '../../io/filesystem.ts';
import type { Log } from '../../io/log.ts';
import type { Mounts } from '../../io/mounts.ts';
import type { Random } from '../../io/random.ts';
import type { Tree } from '../../io/tree.ts';
import { expandSubPath } from '../env/expand.ts';
import { hostNetworkHostsFile, podHostsFile } from './hosts-file.ts';
import { holdSubPath } from './safe-sub-path.ts';

/** A volume that is set up. */
export interface MountedVolume {
  name: string;
  /** Where it is on the host. */
  path: string;
  /** Containers never write to it, whatever they ask. */
  readOnly: boolean;
  /** `path` is a block device: for `volumeDevices`, never for `volumeMounts`. */
  device?: boolean;
  /** Who else than the file system knows its room; undefined = nobody. */
  room?(): Promise<FilesystemRoom | undefined>;
  /** Its file system may be made as large as what it lies on. */
  grow?(): Promise<void>;
}

export interface ContainerMountsInput {
  pod: Pod;
  container: Container;
  volumes: ReadonlyMap<string, MountedVolume>;
  environment: ReadonlyMap<string, string>;
  /** The pod's own folder of the agent. */
  podDir: string;
  podIPs: string[];
  hostname: string;
  domain: string;
  /** The runtime can make whole trees read-only (KEP-3857). */
  recursiveReadOnly: boolean;
}

export interface MountDoors {
  disk: Disk;
  tree: Tree;
  mounts: Mounts;
  random: Random;
  log: Log;
}

const op = 'container.mounts';
const hostsPath = '/etc/hosts';

/**
 * Everything the host shows to a container, made ready: volumes, /etc/hosts and the file of its
 * last words.
 */
export async function containerMounts(
  input: ContainerMountsInput,
  doors: MountDoors,
): Promise<Mount[]> {
  const { pod, container } = input;
  const made: Mount[] = [];
  for (const [index, mount] of (container.volumeMounts ?? []).entries())
    made.push(await volumeMount(input, mount, index, doors));
  const ownHosts = (container.volumeMounts ?? []).some((mount) => mount.mountPath === hostsPath);
  if (!ownHosts && (pod.spec.hostNetwork || input.podIPs.length > 0))
    made.push(await hostsMount(input, doors));
  const messagePath = container.terminationMessagePath;
  if (messagePath) {
    const dir = `${input.podDir}/containers/${container.name}`;
    await doors.disk.makeDir(op, dir, 0o750);
    const file = `${dir}/${Buffer.from(doors.random.bytes(4)).toString('hex')}`;
    await doors.tree.writeFile(op, file, new Uint8Array(0), 0o666);
    made.push({ hostPath: file, containerPath: absolute(messagePath) });
  }
  return made;
}

async function volumeMount(
  input: ContainerMountsInput,
  mount: VolumeMount,
  index: number,
  doors: MountDoors,
): Promise<Mount> {
  const { container } = input;
  const volume = input.volumes.get(mount.name);
  if (!volume)
    throw new Error(
      `cannot find volume ${JSON.stringify(mount.name)} to mount into container ` +
        `${JSON.stringify(container.name)}`,
    );
  if (volume.device)
    throw new Error(`volume ${JSON.stringify(mount.name)} has volumeMode Block, and is mounted`);
  const subPath = mount.subPathExpr
    ? expandSubPath(mount.subPathExpr, input.environment)
    : (mount.subPath ?? '');
  if (subPath.startsWith('/'))
    throw new Error(`error SubPath \`${subPath}\` must not be an absolute path`);
  if (subPath.split('/').includes('..'))
    throw new Error(`unable to provision SubPath \`${subPath}\`: must not contain '..'`);
  const hostPath =
    subPath === ''
      ? volume.path
      : await subPathMount({ input, mount, volume, subPath, index }, doors);
  return {
    hostPath,
    containerPath: absolute(mount.mountPath),
    readonly: (mount.readOnly ?? false) || volume.readOnly,
    recursiveReadOnly: recursiveReadOnly(mount, input.recursiveReadOnly),
    propagation: propagationOf(mount.mountPropagation),
  };
}

/** The block devices that a container is given as they are. */
export function containerDevices({
  container,
  volumes,
}: Pick<ContainerMountsInput, 'container' | 'volumes'>): Device[] {
  return (container.volumeDevices ?? []).map(({ name, devicePath }) => {
    const volume = volumes.get(name);
    if (!volume?.device)
      throw new Error(
        `cannot find volume ${JSON.stringify(name)} to pass into container ` +
          `${JSON.stringify(container.name)}`,
      );
    return {
      containerPath: absolute(devicePath),
      hostPath: volume.path,
      permissions: volume.readOnly ? 'r' : 'mrw',
    };
  });
}

function absolute(path: string): string {
  return path.startsWith('/') ? path : `/${path}`;
}

function propagationOf(mode: string | undefined): MountPropagation {
  if (mode === undefined || mode === 'None') return MountPropagation.PROPAGATION_PRIVATE;
  if (mode === 'HostToContainer') return MountPropagation.PROPAGATION_HOST_TO_CONTAINER;
  if (mode === 'Bidirectional') return MountPropagation.PROPAGATION_BIDIRECTIONAL;
  throw new Error(`invalid MountPropagation mode: ${JSON.stringify(mode)}`);
}

function recursiveReadOnly(mount: VolumeMount, supported: boolean): boolean {
  const wanted = mount.recursiveReadOnly ?? 'Disabled';
  if (wanted === 'Disabled') return false;
  if (!mount.readOnly)
    throw new Error(
      `failed to resolve recursive read-only mode: volume ${JSON.stringify(mount.name)} ` +
        'requested recursive read-only mode, but it is not read-only',
    );
  if (supported) return true;
  if (wanted === 'IfPossible') return false;
  throw new Error(
    'failed to resolve recursive read-only mode: volume ' +
      (`${JSON.stringify(mount.name)} requested recursive read-only mode, but the runtime ` +
        'does not support it'),
  );
}

interface SubPathMount {
  input: ContainerMountsInput;
  mount: VolumeMount;
  volume: MountedVolume;
  subPath: string;
  index: number;
}

/**
 * Pins the place by a bind mount of the held handle, so that a container cannot turn it into
 * another by a link. A volume that is read-only here is no exception: another pod may write to the
 * same claim.
 */
async function subPathMount(what: SubPathMount, doors: MountDoors): Promise<string> {
  const { input, mount, volume } = what;
  const { container } = input;
  try {
    const held = await holdSubPath(doors.tree, volume.path, what.subPath);
    try {
      const parent = `${input.podDir}/volume-subpaths/${volume.name}/${container.name}`;
      return await bindHeld(held.path, `${parent}/${what.index}`, doors);
    } finally {
      await held.release();
    }
  } catch (error) {
    // The reason could tell a tenant about the host's files; it stays in the log.
    doors.log.warn('subPath failed', { pod: input.pod.metadata.uid, volume: mount.name, error });
    const verb =
      error instanceof Error && error.message.includes('outside')
        ? 'prepare subPath'
        : 'create subPath directory';
    throw new Error(
      `failed to ${verb} for volumeMount ${JSON.stringify(mount.name)} of container ` +
        `${JSON.stringify(container.name)}`,
      { cause: error },
    );
  }
}

async function bindHeld(
  from: string,
  to: string,
  { disk, tree, mounts }: MountDoors,
): Promise<string> {
  // A restarted container may find another thing behind the same subPath: the old pin goes.
  for (const point of await mounts.below(op, to)) await mounts.unmount(op, point);
  const target = await tree.statTarget(op, from);
  await disk.makeDir(op, to.slice(0, to.lastIndexOf('/')), 0o750);
  const there = await disk.stat(op, to);
  const wantedKind = target?.kind === 'dir' ? 'dir' : 'file';
  if (there && there.kind !== wantedKind) await disk.remove(op, to);
  if (wantedKind === 'dir') await tree.makeDir(op, to, 0o750);
  else await tree.makeFile(op, to, 0o640);
  await mounts.bind(op, from, to);
  return to;
}

async function hostsMount(input: ContainerMountsInput, { disk, tree }: MountDoors): Promise<Mount> {
  const { pod } = input;
  const aliases = pod.spec.hostAliases;
  const text = pod.spec.hostNetwork
    ? hostNetworkHostsFile(
        ((await disk.readIfThere(op, hostsPath)) ?? Buffer.alloc(0)).toString(),
        aliases,
      )
    : podHostsFile({ ips: input.podIPs, hostname: input.hostname, domain: input.domain, aliases });
  const file = `${input.podDir}/etc-hosts`;
  // Written in place, never renamed: running containers have this very file mounted.
  await tree.writeFile(op, file, Buffer.from(text), 0o644);
  return { hostPath: file, containerPath: hostsPath, selinuxRelabel: false };
}
