import type { PersistentVolume, Pod, Volume } from '../../api/generated/types/core-v1.ts';
import type { CSIDriverSpec } from '../../api/generated/types/storage-v1.ts';
import { accessMode, type VolumeCapability } from '../../wire/csi/csi.ts';
import { inlineHandle, type VolumeData } from './places.ts';

/** A Secret that a driver wants to see. */
export interface SecretRef {
  namespace: string;
  name: string;
}

/** A volume of a pod as its driver is asked for it. */
export interface Wish {
  data: VolumeData;
  pod: Pod;
  readOnly: boolean;
  fsType: string;
  mountOptions: string[];
  attributes: Record<string, string>;
  accessModes: string[];
  secrets: Partial<Record<'stage' | 'publish' | 'expand', SecretRef>>;
}

export interface WishContext {
  nodeName: string;
  pod: Pod;
  readOnly: boolean;
}

/** A PersistentVolume of a driver. */
export function persistentWish(
  { metadata, spec }: PersistentVolume,
  { nodeName, pod, readOnly }: WishContext,
): Wish {
  const csi = spec.csi!;
  const secret = (ref?: { name?: string; namespace?: string }): SecretRef | undefined =>
    ref?.name ? { name: ref.name, namespace: ref.namespace ?? '' } : undefined;
  const [stage, publish, expand] = [
    secret(csi.nodeStageSecretRef),
    secret(csi.nodePublishSecretRef),
    secret(csi.nodeExpandSecretRef),
  ];
  return {
    data: {
      specVolID: metadata.name ?? '',
      volumeHandle: csi.volumeHandle,
      driverName: csi.driver,
      nodeName,
      attachmentID: '',
      volumeLifecycleMode: 'Persistent',
      ...(spec.volumeMode === 'Block' && { block: 'true' as const }),
    },
    pod,
    readOnly,
    fsType: csi.fsType ?? '',
    mountOptions: spec.mountOptions ?? [],
    attributes: csi.volumeAttributes ?? {},
    accessModes: spec.accessModes ?? [],
    secrets: { ...(stage && { stage }), ...(publish && { publish }), ...(expand && { expand }) },
  };
}

/** A volume that a pod describes itself, and that lives as long as it. */
export function inlineWish(volume: Volume, { nodeName, pod }: Omit<WishContext, 'readOnly'>): Wish {
  const csi = volume.csi!;
  const secret = csi.nodePublishSecretRef?.name;
  return {
    data: {
      specVolID: volume.name,
      volumeHandle: inlineHandle(pod.metadata.uid ?? '', volume.name),
      driverName: csi.driver,
      nodeName,
      attachmentID: '',
      volumeLifecycleMode: 'Ephemeral',
    },
    pod,
    readOnly: csi.readOnly === true,
    fsType: csi.fsType ?? '',
    mountOptions: [],
    attributes: csi.volumeAttributes ?? {},
    accessModes: ['ReadWriteOnce'],
    secrets: secret ? { publish: { name: secret, namespace: pod.metadata.namespace ?? '' } } : {},
  };
}

/** Throws when the driver is not made for volumes of this kind. */
export function checkLifecycle({ data }: Wish, driver: CSIDriverSpec | undefined): void {
  const modes = driver?.volumeLifecycleModes ?? ['Persistent'];
  if (!modes.includes(data.volumeLifecycleMode))
    throw new Error(
      `volume mode ${JSON.stringify(data.volumeLifecycleMode)} not supported by driver ` +
        `${data.driverName} (only supports ${JSON.stringify(modes)})`,
    );
}

const modes = new Map([
  ['ReadWriteOnce', accessMode.singleNodeWriter],
  ['ReadWriteOncePod', accessMode.singleNodeWriter],
  ['ReadOnlyMany', accessMode.multiNodeReaderOnly],
  ['ReadWriteMany', accessMode.multiNodeMultiWriter],
]);
/** For drivers that can tell one pod from many. */
const finerModes = new Map<string, number>([
  ...modes,
  ['ReadWriteOnce', accessMode.singleNodeMultiWriter],
  ['ReadWriteOncePod', accessMode.singleNodeSingleWriter],
]);

/** `finer`: the driver has SINGLE_NODE_MULTI_WRITER. `group`: the driver gives files to it. */
export function capabilityOf(
  { data, fsType, mountOptions, accessModes }: Wish,
  { finer, group }: { finer: boolean; group: number | undefined },
): VolumeCapability {
  const mode = (finer ? finerModes : modes).get(accessModes[0] ?? 'ReadWriteOnce') ?? 0;
  const mount = {
    fsType,
    mountFlags: mountOptions,
    ...(group !== undefined && { volumeMountGroup: String(group) }),
  };
  return { ...(data.block ? { block: {} } : { mount }), accessMode: { mode } };
}

/** What a driver that asks for it is told of the pod (podInfoOnMount). */
export function podInfo({ pod, data }: Wish): Record<string, string> {
  const { name = '', namespace = '', uid = '' } = pod.metadata;
  return {
    'csi.storage.k8s.io/pod.name': name,
    'csi.storage.k8s.io/pod.namespace': namespace,
    'csi.storage.k8s.io/pod.uid': uid,
    'csi.storage.k8s.io/serviceAccount.name': pod.spec.serviceAccountName ?? '',
    'csi.storage.k8s.io/ephemeral': String(data.volumeLifecycleMode === 'Ephemeral'),
  };
}

/** Whether the files are given to the pod's group here. */
export function isGroupOurs(
  { data, readOnly, fsType, accessModes }: Wish,
  driver: CSIDriverSpec | undefined,
): boolean {
  const policy = driver?.fsGroupPolicy ?? 'ReadWriteOnceWithFSType';
  if (data.block || readOnly || policy === 'None') return false;
  if (policy === 'File') return true;
  return (
    fsType !== '' &&
    (accessModes.includes('ReadWriteOnce') || accessModes.includes('ReadWriteOncePod'))
  );
}
