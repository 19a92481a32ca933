import type { Volume } from '../../api/generated/types/core-v1.ts';
import type { PluginContext, VolumePlugin } from './plugin.ts';
import { SoleUse } from './plugins/bound-volume.ts';
import { configMap } from './plugins/config-map.ts';
import { csi } from './plugins/csi.ts';
import { downwardAPI } from './plugins/downward-api.ts';
import { emptyDir } from './plugins/empty-dir.ts';
import { ephemeral } from './plugins/ephemeral.ts';
import { hostPath } from './plugins/host-path.ts';
import { image } from './plugins/image.ts';
import { nfs } from './plugins/nfs.ts';
import { persistentVolumeClaim } from './plugins/persistent-volume-claim.ts';
import { projected } from './plugins/projected.ts';
import { secret } from './plugins/secret.ts';

/** Every type of volume that this node knows. A new one is a file in plugins/ and a line here. */
export function volumePlugins(context: PluginContext): VolumePlugin[] {
  const bound = { ...context, soleUse: new SoleUse() };
  return [
    hostPath(context),
    emptyDir(context),
    persistentVolumeClaim(bound),
    ephemeral(bound),
    nfs(context),
    image(context),
    configMap(context),
    secret(context),
    downwardAPI(context),
    projected(context),
    csi(context),
  ];
}

/** The plug-in for a volume. */
export function pluginFor(plugins: VolumePlugin[], volume: Volume): VolumePlugin {
  const found = plugins.find((plugin) => plugin.supports(volume));
  if (!found) throw new Error('no volume plugin matched');
  return found;
}
