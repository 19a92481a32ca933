import type {
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
} from '../../api/generated/types/core-v1.ts';
import type { CSIDriver, VolumeAttachment } from '../../api/generated/types/storage-v1.ts';
import { attachmentName, needsAttach, uniqueVolumeName } from '../../api/storage/attachments.ts';
import { claimsHeldBy } from '../../api/storage/claims.ts';
import { refs } from '../../client/refs.ts';
import type { Controller, ControllerContext } from '../context.ts';
import { startPlanned } from '../kit/planned.ts';
import { plan, type Attached, type View, type Wanted } from './plan.ts';

const name = 'attachdetach-controller';

/** The node of a pod that has claims there. */
const nodeOf = (pod: Pod): string[] =>
  pod.spec.nodeName && claimsHeldBy(pod).length > 0 ? [pod.spec.nodeName] : [];
/** Attachments that were made by this controller have its names; others are somebody else's. */
const ours = /^csi-[0-9a-f]{64}$/;

/**
 * Has volumes of drivers attached to the nodes of the pods that use them, and detached when the
 * node has let go of them (pkg/controller/volume/attachdetach). The drivers' own attachers do it:
 * here it is said what is wanted, in VolumeAttachments. The key is a node.
 */
export function startAttachDetachController(ctx: ControllerContext): Controller {
  const { mirrors } = ctx;
  const pods = mirrors.of<Pod>(refs.pods, { indexes: { claim: claimsHeldBy, claimsOn: nodeOf } });
  const claims = mirrors.of<PersistentVolumeClaim>(refs.persistentVolumeClaims);
  const volumes = mirrors.of<PersistentVolume>(refs.persistentVolumes);
  const nodes = mirrors.of<Node>(refs.nodes);
  const drivers = mirrors.of<CSIDriver>(refs.csiDrivers);
  const attachments = mirrors.of<VolumeAttachment>(refs.volumeAttachments, {
    indexes: {
      attachedTo: ({ spec }) => [spec.nodeName],
      attachedVolume: ({ spec }) => [spec.source.persistentVolumeName ?? ''],
    },
  });
  /** Since when an attachment is not needed any more, by the monotonic clock. */
  const unwanted = new Map<string, number>();
  const news = new Map<string, Attached['news']>();
  /** Of each node, the volumes that it was told another one has. */
  const told = new Map<string, Set<string>>();

  const wantedOn = (node: string): Wanted[] => {
    const found = new Map<string, Wanted>();
    for (const pod of pods.byIndex('claimsOn', node))
      for (const key of claimsHeldBy(pod)) {
        const volume = volumeBehind(key);
        const csi = volume?.spec.csi;
        if (!volume || !csi || !needsAttach(drivers.get(csi.driver)?.spec)) continue;
        const pv = volume.metadata.name ?? '';
        const known = found.get(pv);
        if (known) known.pods.push(pod);
        else found.set(pv, { volume, pods: [pod], elsewhere: elsewhereThan(node, pv) });
      }
    return [...found.values()];
  };
  const volumeBehind = (claimKey: string): PersistentVolume | undefined => {
    const claim = claims.get(claimKey);
    const volume = claim && volumes.get(claim.spec.volumeName ?? '');
    return volume?.spec.claimRef?.uid === claim?.metadata.uid ? volume : undefined;
  };
  const elsewhereThan = (node: string, pv: string): string[] =>
    [...attachments.byIndex('attachedVolume', pv)].flatMap(({ spec }) =>
      spec.nodeName === node ? [] : [spec.nodeName],
    );

  const attachedTo = (node: string, wanted: Wanted[], monotonicMs: number): Attached[] => {
    const names = new Set(
      wanted.map(({ volume: { spec } }) =>
        attachmentName(spec.csi!.volumeHandle, spec.csi!.driver, node),
      ),
    );
    return [...attachments.byIndex('attachedTo', node)].flatMap((attachment) => {
      const { name: own = '' } = attachment.metadata;
      if (!ours.test(own)) return [];
      const csi = volumes.get(attachment.spec.source.persistentVolumeName ?? '')?.spec.csi;
      if (csi && attachmentName(csi.volumeHandle, csi.driver, node) !== own) return [];
      if (names.has(own)) unwanted.delete(own);
      else if (!unwanted.has(own)) unwanted.set(own, monotonicMs);
      const one: Attached = {
        attachment,
        volumeName: csi && uniqueVolumeName(csi.driver, csi.volumeHandle),
        unwantedSinceMs: unwanted.get(own),
        news: news.get(own),
      };
      return [one];
    });
  };

  return startPlanned<View>(
    ctx,
    {
      name,
      mirrors: [
        { ref: refs.pods, mirror: pods },
        { ref: refs.persistentVolumeClaims, mirror: claims },
        { ref: refs.persistentVolumes, mirror: volumes },
        { ref: refs.nodes, mirror: nodes },
        { ref: refs.csiDrivers, mirror: drivers },
        { ref: refs.volumeAttachments, mirror: attachments },
      ],
      view: (key) => {
        const monotonicMs = ctx.clock.monotonicMs();
        const wanted = wantedOn(key);
        const attached = attachedTo(key, wanted, monotonicMs);
        const node = nodes.get(key);
        if (wanted.length === 0 && attached.length === 0 && !node?.status?.volumesAttached)
          return undefined;
        const before = told.get(key) ?? new Set();
        return { name: key, node, wanted, attached, monotonicMs, told: before };
      },
      plan,
      remember: (key, { wanted, attached }) => {
        for (const { attachment } of attached) news.delete(attachment.metadata.name ?? '');
        const waiting = wanted.filter(({ elsewhere }) => elsewhere.length > 0);
        told.set(key, new Set(waiting.map(({ volume }) => volume.metadata.name ?? '')));
      },
      forget: (key) => void told.delete(key),
    },
    (queue) => {
      const addUsers = (claimKey: string): void => {
        for (const pod of pods.byIndex('claim', claimKey))
          if (pod.spec.nodeName) queue.add(pod.spec.nodeName);
      };
      const addOf = ({ spec }: PersistentVolume): void => {
        if (spec.csi && spec.claimRef) addUsers(`${spec.claimRef.namespace}/${spec.claimRef.name}`);
      };
      pods.onChange(({ object, old }) => {
        for (const node of new Set([...nodeOf(object), ...(old ? nodeOf(old) : [])]))
          queue.add(node);
      });
      claims.onChange(({ key, object, old }) => {
        if (object.spec.volumeName !== old?.spec.volumeName) addUsers(key);
      });
      volumes.onChange(({ object }) => addOf(object));
      nodes.onChange(({ key, object, old, type }) => {
        const shown = ({ status, spec }: Node): string =>
          JSON.stringify([status?.volumesInUse, status?.volumesAttached, spec.taints]);
        if (type !== 'MODIFIED' || !old || shown(object) !== shown(old)) queue.add(key);
      });
      drivers.onChange(({ key }) => {
        for (const volume of volumes.list()) if (volume.spec.csi?.driver === key) addOf(volume);
      });
      attachments.onChange(({ type, key, object, old }) => {
        queue.add(object.spec.nodeName);
        const { attached, attachError } = object.status ?? {};
        const wasError = old?.status?.attachError?.message;
        if (type === 'DELETED') {
          unwanted.delete(key);
          news.delete(key);
          // Another node may have waited for this.
          const volume = volumes.get(object.spec.source.persistentVolumeName ?? '');
          if (volume) addOf(volume);
        } else if (old && attached && !old.status?.attached) news.set(key, 'attached');
        else if (attachError?.message && attachError.message !== wasError) news.set(key, 'failed');
      });
    },
  );
}
