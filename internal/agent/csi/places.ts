import { sha256 } from '../../api/storage/attachments.ts';

/** What the CSI specification allows as the name of a driver; it becomes part of paths. */
export const driverName = /^[a-zA-Z0-9](?:[-_.a-zA-Z0-9]{0,61}[a-zA-Z0-9])?$/;
/** PersistentVolumes and volumes of pods, as the API server lets them be called. */
const volumeName = /^[a-z0-9](?:[-.a-z0-9]{0,251}[a-z0-9])?$/;

const plugin = 'kubernetes.io~csi';

/** One volume of one pod, and where it stands; the paths are the kubelet's, drivers go by them. */
export interface Places {
  /** The folder that is the pod's for this volume, or a file for a device. */
  target: string;
  /** Where the volume is staged, once for all pods of the node. */
  staging: string;
  /** The folder that exists for this volume of the pod and holds `vol_data.json`. */
  podDir: string;
}

/** What is remembered of a volume that a pod has or had: `vol_data.json`, with the kubelet's keys. */
export interface VolumeData {
  /** The PersistentVolume, or the volume's name in the pod. */
  specVolID: string;
  volumeHandle: string;
  driverName: string;
  nodeName: string;
  attachmentID: string;
  volumeLifecycleMode: 'Persistent' | 'Ephemeral';
  /** Ours: it is a device. */
  block?: 'true';
  /** Ours: it is reported in volumesInUse. */
  attachable?: 'true';
  /** Ours: it was staged, so that it has to be unstaged. */
  staged?: 'true';
}

/** The folders of all volumes of a pod. */
export const podVolumesDir = (kubeletDir: string, uid: string): string =>
  `${kubeletDir}/pods/${uid}/volumes/${plugin}`;

export function placesOf(kubeletDir: string, uid: string, data: VolumeData): Places {
  const { specVolID, driverName: driver, volumeHandle } = data;
  if (!driverName.test(driver)) throw new Error(`${JSON.stringify(driver)} is not a driver name`);
  if (!volumeName.test(specVolID) || specVolID.includes('..'))
    throw new Error(`${JSON.stringify(specVolID)} is not a volume name`);
  const podDir = `${podVolumesDir(kubeletDir, uid)}/${specVolID}`;
  const all = `${kubeletDir}/plugins/kubernetes.io/csi`;
  if (data.block)
    return {
      podDir,
      target: `${all}/volumeDevices/publish/${specVolID}/${uid}`,
      staging: `${all}/volumeDevices/staging/${specVolID}`,
    };
  return {
    podDir,
    target: `${podDir}/mount`,
    staging: `${all}/${driver}/${sha256(volumeHandle)}/globalmount`,
  };
}

/** The handle of a volume that lives with its pod. */
export const inlineHandle = (uid: string, name: string): string => `csi-${sha256(`${uid}${name}`)}`;

/** What a file of ours says; undefined when it is none, or not whole. */
export function parseVolumeData(bytes: Buffer | undefined): VolumeData | undefined {
  try {
    const data = JSON.parse(bytes?.toString() ?? '') as Partial<VolumeData>;
    const { specVolID, volumeHandle, driverName: driver } = data;
    const whole = [specVolID, volumeHandle, driver].every((text) => typeof text === 'string');
    return whole ? (data as VolumeData) : undefined;
  } catch {
    return undefined;
  }
}
