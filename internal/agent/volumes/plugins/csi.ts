import { plain, type PluginContext, type VolumePlugin } from '../plugin.ts';
import { giveToPodsGroup } from '../ownership.ts';

const op = 'volume.csi';

/** A node that takes no drivers has none. */
export function csiDriverMissing(driver: string): Error {
  return new Error(
    `kubernetes.io/csi: driver name ${driver} not found in the list of registered CSI drivers`,
  );
}

/** Volumes of drivers, named in the pod itself; and what is taken back of those behind claims. */
export function csi({ csi: volumes, podsDir, doors }: PluginContext): VolumePlugin {
  return {
    ...plain,
    name: 'csi',
    supports: (volume) => Boolean(volume.csi),
    async setUp(of, { adopted }) {
      const { pod, volume } = of;
      if (!volumes) throw csiDriverMissing(volume.csi!.driver);
      const { path, manage } = await volumes.setUpInline(of, adopted);
      const readOnly = volume.csi!.readOnly === true;
      if (manage) await giveToPodsGroup(path, pod, { ...doors, readOnly });
      return { name: volume.name, path, readOnly };
    },
    refresh: async (of) => await volumes?.refreshInline(of),
    async tearDown(uid) {
      if (!volumes) return;
      // What is pinned for a subPath would keep the volume busy.
      for (const point of await doors.mounts.below(op, `${podsDir}/${uid}/volume-subpaths`))
        await doors.mounts.unmount(op, point);
      await volumes.tearDown(uid);
    },
  };
}
