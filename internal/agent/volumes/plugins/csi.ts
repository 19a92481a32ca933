import { plain, type VolumePlugin } from '../plugin.ts';

/** Drivers register with the kubelet of a node, and this node has none. */
export function csiDriverMissing(driver: string): Error {
  return new Error(
    `kubernetes.io/csi: driver name ${driver} not found in the list of registered CSI drivers`,
  );
}

/** Volumes of drivers, named in the pod itself. */
export const csi: VolumePlugin = {
  ...plain,
  name: 'csi',
  supports: (volume) => Boolean(volume.csi),
  setUp: ({ volume }) => Promise.reject(csiDriverMissing(volume.csi?.driver ?? '')),
};
