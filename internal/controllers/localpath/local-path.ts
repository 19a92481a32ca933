import type {
  ConfigMap,
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
} from '../../api/generated/types/core-v1.ts';
import type { StorageClass } from '../../api/generated/types/storage-v1.ts';
import { keyOf } from '../../api/object.ts';
import { annotationOf, annotations, classOfClaim } from '../../api/storage/claims.ts';
import { refs } from '../../client/refs.ts';
import type { Controller, ControllerContext, NodeCall } from '../context.ts';
import { startPlanned } from '../kit/planned.ts';
import {
  concludeLocalPath,
  isOurs,
  isReleased,
  planLocalPath,
  type LocalPathView,
} from './plan.ts';
import { nodeOf, provisioner, volumeNameFor } from './volume.ts';

export const account = 'local-path-provisioner-service-account';
const configKey = { namespace: 'kube-system', name: 'local-path-config' };
/** Keys of the one queue. */
const ofClaim = 'claim:';
const ofVolume = 'volume:';

/**
 * The local-path provisioner, without pods: a claim's folder is made on the node that the scheduler
 * chose, and removed there when the claim is gone. The node does both when it is asked
 * (`NodeCall`); one that is away is asked again until it is back.
 */
export function startLocalPath(ctx: ControllerContext, call: NodeCall): Controller {
  const claims = ctx.mirrors.of<PersistentVolumeClaim>(refs.persistentVolumeClaims);
  const volumes = ctx.mirrors.of<PersistentVolume>(refs.persistentVolumes);
  const classes = ctx.mirrors.of<StorageClass>(refs.storageClasses);
  const nodes = ctx.mirrors.of<Node>(refs.nodes);
  const configs = ctx.mirrors.of<ConfigMap>(refs.configMaps, {
    namespace: configKey.namespace,
    fieldSelector: `metadata.name=${configKey.name}`,
  });

  const view = (key: string): LocalPathView | undefined => {
    const config = configs.get(`${configKey.namespace}/${configKey.name}`);
    if (key.startsWith(ofVolume)) {
      const volume = volumes.get(key.slice(ofVolume.length));
      const node = volume && nodes.get(nodeOf(volume) ?? '');
      return volume && { what: 'volume', volume, node, config };
    }
    const claim = claims.get(key.slice(ofClaim.length));
    if (!claim || claim.metadata.deletionTimestamp) return undefined;
    return {
      what: 'claim',
      claim,
      storageClass: classes.get(classOfClaim(claim)),
      volume: volumes.get(claim.spec.volumeName || volumeNameFor(claim)),
      node: nodes.get(annotationOf(claim, annotations.selectedNode) ?? ''),
      config,
    };
  };

  return startPlanned<LocalPathView>(
    ctx,
    {
      name: account,
      title: 'local-path',
      component: provisioner,
      mirrors: [
        { ref: refs.persistentVolumeClaims, mirror: claims },
        { ref: refs.persistentVolumes, mirror: volumes },
        { ref: refs.storageClasses, mirror: classes },
        { ref: refs.nodes, mirror: nodes },
        { ref: refs.configMaps, mirror: configs },
      ],
      nodes: call,
      view,
      plan: planLocalPath,
      conclude: concludeLocalPath,
    },
    (queue) => {
      const again = (): void => {
        for (const claim of claims.list())
          if (!claim.spec.volumeName) queue.add(`${ofClaim}${keyOf(claim)}`);
        for (const volume of volumes.list())
          if (isReleased(volume)) queue.add(`${ofVolume}${keyOf(volume)}`);
      };
      claims.onChange(({ type, key }) => type !== 'DELETED' && queue.add(`${ofClaim}${key}`));
      volumes.onChange(({ type, key, object }) => {
        if (type === 'DELETED' || !isOurs(object)) return;
        queue.add(`${ofVolume}${key}`);
        const ref = object.spec.claimRef;
        if (ref) queue.add(`${ofClaim}${ref.namespace}/${ref.name}`);
      });
      configs.onChange(again);
      classes.onChange(again);
      // A node that is back can be asked.
      nodes.onChange(({ object, old, type }) => {
        if (type === 'DELETED' || isReady(object) !== (old !== undefined && isReady(old))) again();
      });
    },
  );
}

const isReady = (node: Node): boolean =>
  (node.status?.conditions ?? []).some((c) => c.type === 'Ready' && c.status === 'True');
